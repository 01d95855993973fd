"""Where findings are and how dense: outlines in body coordinates, masks in pixels. N points, 2 is (x, y)."""

from typing import NamedTuple

import numpy as np

from src.data.phantom.devices import device_outlines
from src.data.phantom.findings import Finding, nodule_diameter, rib_number
from src.data.phantom.geometry import SIGN, Chest
from src.data.phantom.shapes import closed_curve, inside, ribbon
from src.data.phantom.skeleton import back_ribs

_TURN = np.linspace(0, 2 * np.pi, 16, endpoint=False)
_SPAN = {"upper": (0.20, 0.36), "mid": (0.46, 0.58), "lower": (0.68, 0.80)}
_BREAK = 0.80


class Opacity(NamedTuple):
    """Water in the lung: outlines, the share of air it takes (0 to 1), its edge's softness, texture's share."""

    outlines: list[np.ndarray]
    strength: float
    softness: float
    texture: float


def blob(centre_2: np.ndarray, radius_2: tuple[float, float], wobble: tuple[float, ...], amount: float) -> np.ndarray:
    """A rounded outline with bumps."""
    bumps_N = sum(
        wobble[2 * k] * np.cos((k + 2) * _TURN) + wobble[2 * k + 1] * np.sin((k + 2) * _TURN) for k in range(3)
    )
    r_N = 1 + amount * bumps_N
    return closed_curve(centre_2 + np.stack([np.cos(_TURN) * r_N, np.sin(_TURN) * r_N], axis=1) * radius_2, samples=3)


def spot(chest: Chest, finding: Finding, margin: float) -> np.ndarray:
    """The finding's centre (2,), at least ``margin`` of the field's width from heart and ribs."""
    low, high = _SPAN[finding.zone]
    v = low + (high - low) * finding.spot[1]
    return chest.place(finding.side, margin + (1 - 2 * margin) * finding.spot[0], v)


def opacities(chest: Chest, finding: Finding) -> list[Opacity]:
    """What a finding puts into the lung; nothing for findings of heart, ribs and devices."""
    if finding.name == "effusion":
        return [Opacity([_fluid(chest, finding)], 0.94, 0.010, 0.05)]
    if finding.name == "consolidation":
        return [Opacity([consolidation(chest, finding)], 0.70 + 0.2 * finding.extent, 0.013, 0.35)]
    if finding.name == "nodule":
        return [Opacity([nodule(chest, finding)], 0.86, 0.0045, 0.0)]
    if finding.name == "atelectasis":
        return [Opacity(_bands(chest, finding), 0.62 + 0.2 * finding.extent, 0.004, 0.1)]
    if finding.name == "edema":
        haze = Opacity(_wings(chest, finding, 1.0), 0.42 + 0.36 * finding.extent, 0.040, 0.5)
        return [haze, Opacity(kerley_lines(chest), 0.35 + 0.30 * finding.extent, 0.001, 0.0)]
    if finding.name == "fracture":
        return [Opacity([_bruise(chest, finding)], 0.66, 0.007, 0.0)]
    return []


def consolidation(chest: Chest, finding: Finding) -> np.ndarray:
    """Outline of a consolidation, wider than high."""
    radius = 0.048 + 0.055 * finding.extent
    return blob(spot(chest, finding, 0.34), (radius * 1.1, radius), finding.wobble, 0.12)


def nodule(chest: Chest, finding: Finding) -> np.ndarray:
    """Outline of a nodule, nearly round."""
    radius = nodule_diameter(finding) / 2
    return blob(spot(chest, finding, 0.25), (radius, radius), finding.wobble, 0.05)


def collapsed_lung(chest: Chest, finding: Finding) -> np.ndarray:
    """Outline of the lung inside a pneumothorax: drawn back from the apex and the ribs towards the hilum."""
    outline_N2 = chest.lungs[finding.side]
    sign, extent = SIGN[finding.side], finding.extent
    base = chest.level(0.98)
    depth_N = np.clip((base - outline_N2[:, 1]) / chest.anatomy.height, 0, 1)
    taper = 0.85 - 0.65 * extent
    offset_N = (outline_N2[:, 0] - 0.5) * sign
    kept_N = 1 - (0.17 + 0.40 * extent) * (1 - taper * (1 - depth_N))
    x_N = 0.5 + sign * (0.06 + (offset_N - 0.06) * kept_N)
    y_N = base - (base - outline_N2[:, 1]) * np.where(outline_N2[:, 1] < base, 1 - (0.12 + 0.20 * extent), 1.0)
    return np.stack([x_N, y_N], axis=1)


def break_index(line_N2: np.ndarray) -> int:
    """Which point of a rib's line is where it breaks."""
    return round(_BREAK * (len(line_N2) - 1))


def broken_rib(chest: Chest, finding: Finding) -> np.ndarray:
    """The line of the rib that a fracture breaks, as if it were whole."""
    return back_ribs(chest)[list(SIGN).index(finding.side), rib_number(finding) - 1]


def break_point(chest: Chest, finding: Finding) -> np.ndarray:
    """Where the rib is broken (2,)."""
    line_N2 = broken_rib(chest, finding)
    return line_N2[break_index(line_N2)]


def kerley_lines(chest: Chest) -> list[np.ndarray]:
    """Short horizontal septal lines at the ribs of both lung bases."""
    lines = []
    for side in SIGN:
        for number, v in enumerate(np.arange(0.66, 0.88, 0.026)):
            line_N2 = chest.row(side, np.linspace(0.80 + 0.025 * (number * 5 % 7), 0.985, 4), float(v))
            line_N2[:, 1] += np.linspace(0, 0.004 * (number % 3 - 1), 4)
            lines.append(ribbon(line_N2, 0.0035))
    return lines


def lesion_mask(chest: Chest, finding: Finding, size: int) -> np.ndarray:
    """Where a finding is in the picture, bool (size, size)."""
    if finding.name == "cardiomegaly":
        return inside(chest.pose(chest.heart), size)
    if finding.name == "support_device":
        return _union(chest, device_outlines(chest, finding), size)
    if finding.name == "fracture":
        centre_2 = break_point(chest, finding)
        return _union(chest, [blob(centre_2, (0.042, 0.042), finding.wobble, 0.0)], size)
    if finding.name == "pneumothorax":
        return chest.organs(size)[f"{finding.side} lung"] & ~inside(chest.pose(collapsed_lung(chest, finding)), size)
    outlines = _wings(chest, finding, 1.25) if finding.name == "edema" else opacities(chest, finding)[0].outlines
    organs = chest.organs(size)
    sides = SIGN if finding.side == "both" else (finding.side,)
    lungs_HW = np.any([organs[f"{side} lung"] for side in sides], axis=0)
    return _union(chest, outlines, size) & lungs_HW


def _union(chest: Chest, outlines: list[np.ndarray], size: int) -> np.ndarray:
    return np.any([inside(chest.pose(outline), size) for outline in outlines], axis=0)


def _fluid(chest: Chest, finding: Finding) -> np.ndarray:
    """Fluid below a meniscus that climbs at the ribs; the angle fills first."""
    lateral = 0.80 - 0.44 * finding.extent
    medial = 1.03 - 0.50 * finding.extent
    u_N = np.linspace(0, 1, 12)
    v_N = medial + (lateral - medial) * u_N**2.6
    sign, width = SIGN[finding.side], chest.anatomy.half_width
    x_N = 0.5 + sign * (0.03 + u_N * (width - 0.025))
    top_N2 = np.stack([x_N, chest.level(v_N)], axis=1)
    edge = 0.5 + sign * (width + 0.012)
    corners_32 = np.array([(edge, top_N2[-1, 1]), (edge, chest.level(1.06)), (top_N2[0, 0], chest.level(1.06))])
    return np.vstack([top_N2, corners_32])


def _bands(chest: Chest, finding: Finding) -> list[np.ndarray]:
    """Two plates of collapsed lung, slightly tilted, that cross most of the field."""
    low, high = _SPAN[finding.zone]
    v = low + (high - low) * (0.15 + 0.5 * finding.spot[1])
    tilt = 0.035 * finding.wobble[0]
    bands = []
    for k, (start, stop) in enumerate(((0.06, 0.86), (0.25, 0.95))):
        u_N = np.linspace(start, stop, 8)
        line_N2 = chest.row(finding.side, u_N, v + 0.075 * k)
        line_N2[:, 1] += tilt * (u_N - 0.5) + 0.02 * (u_N - 0.5) ** 2
        bands.append(ribbon(line_N2, (0.019 + 0.018 * finding.extent) * np.sin(np.linspace(0.5, np.pi - 0.5, 8))))
    return bands


def _wings(chest: Chest, finding: Finding, growth: float) -> list[np.ndarray]:
    """Both perihilar regions."""
    radius = (0.10 + 0.045 * finding.extent) * growth
    return [blob(chest.place(side, 0.34, 0.52), (radius, radius * 1.7), finding.wobble, 0.08) for side in SIGN]


def _bruise(chest: Chest, finding: Finding) -> np.ndarray:
    """Blood between rib and lung beside a fracture."""
    centre_2 = break_point(chest, finding)
    return blob(centre_2, (0.026, 0.038), finding.wobble, 0.05)
