"""The phantom patient's build, pose and film, and the smooth outlines of thorax, lungs, heart and mediastinum.

Coordinates are fractions of the picture's width and height; N points, 2 is (x, y), x grows towards the patient's left.
Body coordinates (before pose) put the midline at x = 0.5; ``Anatomy.pose`` takes them to the picture.
"""

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np

from src.data.phantom.findings import Finding

Volumes = Literal["low", "normal", "high"]
Exposure = Literal["under", "normal", "over"]


@dataclass(frozen=True)
class Anatomy:
    """One patient on one film.

    ``half_width``, ``top``, ``height``: of the lungs. ``heart_ratio``: cardiothoracic ratio without any finding.
    ``wall``: soft tissue beside the ribs. ``curve``: scoliosis, signed. ``angle`` in radians.
    """

    half_width: float
    top: float
    height: float
    heart_ratio: float
    heart_tilt: float
    wall: float
    curve: float
    aorta: float
    rib_slope: float
    bone: float
    breast: float
    bubble: float
    volumes: Volumes
    exposure: Exposure
    gamma: float
    gain: float
    noise: float
    angle: float
    scale: float
    shift: tuple[float, float]

    def pose(self, points_N2: np.ndarray) -> np.ndarray:
        """Body coordinates to picture coordinates."""
        turn_22, offset_2 = self._motion
        return points_N2 @ turn_22 + offset_2

    @functools.cached_property
    def _motion(self) -> tuple[np.ndarray, np.ndarray]:
        cosine, sine = np.cos(self.angle) * self.scale, np.sin(self.angle) * self.scale
        turn_22 = np.array([[cosine, sine], [-sine, cosine]])
        return turn_22, 0.5 + np.array(self.shift) - np.array([0.5, 0.5]) @ turn_22


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw a patient. Traits that the report may name are either clearly there or clearly not."""

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def one_of(shares: tuple[float, float]) -> int:
        return int(np.searchsorted(np.cumsum(shares), rng.random()))

    volumes: Volumes = ("low", "high", "normal")[one_of((0.18, 0.14))]
    exposure: Exposure = ("under", "over", "normal")[one_of((0.08, 0.08))]
    curved, wide_aorta, gas, breasts = rng.random(4) < (0.14, 0.16, 0.3, 0.45)
    sign = 1.0 if rng.random() < 0.5 else -1.0
    return Anatomy(
        half_width=between(0.345, 0.385),
        top=between(0.095, 0.125),
        height={"low": between(0.57, 0.60), "normal": between(0.67, 0.71), "high": between(0.77, 0.80)}[volumes],
        heart_ratio=between(0.38, 0.45),
        heart_tilt=between(-0.03, 0.03),
        wall=between(0.04, 0.14),
        curve=sign * between(0.022, 0.035) if curved else between(-0.004, 0.004),
        aorta=between(0.030, 0.042) if wide_aorta else between(0.0, 0.010),
        rib_slope=between(0.85, 1.15),
        bone=between(0.8, 1.2),
        breast=between(0.4, 1.0) if breasts else 0.0,
        bubble=between(0.5, 1.0) if gas else 0.0,
        volumes=volumes,
        exposure=exposure,
        gamma=between(0.92, 1.12) * {"under": 0.72, "normal": 1.0, "over": 1.42}[exposure],
        gain=between(0.94, 1.04),
        noise=between(0.6, 1.4),
        angle=between(-0.05, 0.05),
        scale=between(0.94, 1.04),
        shift=(between(-0.025, 0.025), between(-0.02, 0.02)),
    )


def heart_ratio(anatomy: Anatomy, findings: tuple[Finding, ...]) -> float:
    """Heart width over inner thorax width: at most 0.45, or at least 0.56 with cardiomegaly."""
    for finding in findings:
        if finding.name == "cardiomegaly":
            return 0.56 + 0.15 * finding.extent
    return anatomy.heart_ratio
