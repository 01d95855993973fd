"""The outlines of one patient's lungs, heart and mediastinum, and the places inside a lung.

Body coordinates throughout; ``Chest.pose`` takes points to the picture. N points, 2 is (x, y).
A lung place is (u, v): u from 0 at the heart to 1 at the ribs, v from 0 at the apex to 1 at the base.
"""

from dataclasses import dataclass
from typing import overload

import numpy as np

from src.data.phantom.anatomy import Anatomy, heart_ratio
from src.data.phantom.findings import Finding
from src.data.phantom.shapes import closed_curve, inside

SIGN = {"left": 1.0, "right": -1.0}
_LUNG = np.array(
    [
        (0.34, 0.0),
        (0.53, 0.03),
        (0.70, 0.11),
        (0.83, 0.24),
        (0.915, 0.40),
        (0.965, 0.57),
        (0.99, 0.74),
        (1.0, 0.88),
        (0.995, 0.97),
        (0.985, 1.0),
        (0.96, 0.985),
        (0.80, 0.90),
        (0.58, 0.862),
        (0.38, 0.868),
        (0.20, 0.915),
        (0.12, 0.90),
        (0.12, 0.72),
        (0.12, 0.50),
        (0.13, 0.30),
        (0.13, 0.14),
        (0.19, 0.04),
    ]
)
_BASE = 0.60
_HEART = np.array(
    [
        (0.05, 0.30),
        (-0.50, 0.36),
        (-0.80, 0.50),
        (-0.97, 0.64),
        (-1.0, 0.77),
        (-0.90, 0.90),
        (-0.55, 1.0),
        (0.1, 1.04),
        (0.55, 1.03),
        (0.86, 0.985),
        (1.0, 0.905),
        (0.985, 0.82),
        (0.86, 0.70),
        (0.68, 0.585),
        (0.52, 0.48),
        (0.36, 0.36),
    ]
)
_MEDIASTINUM = np.array(
    [
        (-0.045, -0.30),
        (-0.055, -0.05),
        (-0.060, 0.10),
        (-0.062, 0.24),
        (-0.060, 0.36),
        (-0.075, 0.46),
        (-0.070, 0.60),
        (-0.060, 0.95),
        (-0.060, 2.2),
        (0.060, 2.2),
        (0.060, 0.95),
        (0.085, 0.58),
        (0.082, 0.46),
        (0.078, 0.40),
        (0.062, 0.345),
        (0.078, 0.29),
        (0.082, 0.24),
        (0.066, 0.18),
        (0.055, 0.08),
        (0.050, -0.05),
        (0.045, -0.30),
    ]
)
_KNOB = slice(14, 18)
_RIGHT_SHARE = 0.34
_HEART_BASE = 0.905


@dataclass(frozen=True, eq=False)
class Chest:
    """One patient's outlines in body coordinates; the findings have changed heart and diaphragm already."""

    anatomy: Anatomy
    lungs: dict[str, np.ndarray]
    heart: np.ndarray
    mediastinum: np.ndarray

    def pose(self, points_N2: np.ndarray) -> np.ndarray:
        """Body to picture coordinates."""
        return self.anatomy.pose(points_N2)

    @overload
    def level(self, v: float) -> float: ...

    @overload
    def level(self, v: np.ndarray) -> np.ndarray: ...

    def level(self, v: float | np.ndarray) -> float | np.ndarray:
        """The y of lung level ``v``."""
        return self.anatomy.top + v * self.anatomy.height

    def place(self, side: str, u: float, v: float) -> np.ndarray:
        """The point (2,) at (u, v) of a lung's visible field, beside heart and mediastinum."""
        return self.row(side, np.array([u]), v)[0]

    def row(self, side: str, u_N: np.ndarray, v: float) -> np.ndarray:
        """Points (N, 2) along one level of a lung."""
        y = self.level(v)
        lung_X = SIGN[side] * (_crossings(self.lungs[side], y) - 0.5)
        middle = [SIGN[side] * (_crossings(outline, y) - 0.5) for outline in (self.heart, self.mediastinum)]
        medial = max(lung_X.min(), *(x.max(initial=0.0) for x in middle))
        x_N = 0.5 + SIGN[side] * (medial + u_N * (lung_X.max() - medial))
        return np.stack([x_N, np.full_like(x_N, y)], axis=1)

    def organs(self, size: int) -> dict[str, np.ndarray]:
        """Masks of both lung fields and the heart, bool (size, size)."""
        heart_HW = inside(self.pose(self.heart), size)
        middle_HW = heart_HW | inside(self.pose(self.mediastinum), size)
        lungs = {f"{side} lung": inside(self.pose(self.lungs[side]), size) & ~middle_HW for side in SIGN}
        return {**lungs, "heart": heart_HW}


def build_chest(anatomy: Anatomy, findings: tuple[Finding, ...]) -> Chest:
    """The outlines of a patient: cardiomegaly widens the heart, atelectasis raises its side's diaphragm."""
    lift = {"left": -0.022, "right": 0.0}
    for finding in findings:
        if finding.name == "atelectasis":
            lift[finding.side] += 0.05 + 0.07 * finding.extent
    lungs = {side: _lung(anatomy, side, lift[side]) for side in SIGN}
    width = max(lungs["left"][:, 0]) - min(lungs["right"][:, 0])
    heart = _heart(anatomy, width * heart_ratio(anatomy, findings))
    return Chest(anatomy, lungs, heart, _mediastinum(anatomy))


def _lung(anatomy: Anatomy, side: str, lift: float) -> np.ndarray:
    offset_N, v_N = _LUNG.T
    below_N = np.clip((v_N - _BASE) / (1 - _BASE), 0, 1)
    x_N = 0.5 + SIGN[side] * offset_N * anatomy.half_width
    y_N = anatomy.top + (v_N - lift * below_N) * anatomy.height
    return closed_curve(np.stack([x_N, y_N], axis=1))


def _heart(anatomy: Anatomy, width: float) -> np.ndarray:
    outline_N2 = closed_curve(_HEART)
    x_N = np.where(
        outline_N2[:, 0] < 0,
        outline_N2[:, 0] / -outline_N2[:, 0].min() * _RIGHT_SHARE,
        outline_N2[:, 0] / outline_N2[:, 0].max() * (1 - _RIGHT_SHARE),
    )
    v_N = _HEART_BASE + (outline_N2[:, 1] - 1.0) * (0.9 + 0.35 * width) + anatomy.heart_tilt * x_N
    return np.stack([0.5 + x_N * width, anatomy.top + v_N * anatomy.height + 0.035], axis=1)


def _mediastinum(anatomy: Anatomy) -> np.ndarray:
    points_N2 = _MEDIASTINUM.copy()
    points_N2[_KNOB, 0] += anatomy.aorta * np.array([0.7, 1.0, 1.0, 0.7])
    points_N2[:, 0] = 0.5 + points_N2[:, 0] * anatomy.half_width / 0.36
    points_N2[:, 1] = anatomy.top + points_N2[:, 1] * anatomy.height
    return closed_curve(points_N2, samples=4)


def _crossings(outline_N2: np.ndarray, y: float) -> np.ndarray:
    """Where a closed outline crosses a level."""
    start_N2, stop_N2 = outline_N2, np.roll(outline_N2, -1, axis=0)
    hit_N = (start_N2[:, 1] <= y) != (stop_N2[:, 1] <= y)
    a_X2, b_X2 = start_N2[hit_N], stop_N2[hit_N]
    return a_X2[:, 0] + (y - a_X2[:, 1]) / (b_X2[:, 1] - a_X2[:, 1]) * (b_X2[:, 0] - a_X2[:, 0])
