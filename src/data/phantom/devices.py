"""Tubes, lines and pacemakers of the phantom, in body coordinates. N points, 2 is (x, y)."""

import numpy as np

from src.data.phantom.findings import Finding, tube_height
from src.data.phantom.geometry import SIGN, Chest
from src.data.phantom.shapes import closed_curve, open_curve, ribbon

CARINA = 0.335
_CENTIMETRE = 1 / 40
_BOX = np.array([(-1, -0.8), (-0.4, -1), (0.5, -1), (1, -0.7), (1, 0.5), (0.5, 1), (-0.5, 1), (-1, 0.5)])


def device_lines(chest: Chest, finding: Finding) -> list[tuple[np.ndarray, float]]:
    """Lines of one device, each with its width."""
    sign = SIGN[finding.side]
    if finding.kind == "endotracheal tube":
        tip = chest.level(CARINA) - tube_height(finding) * _CENTIMETRE
        x = 0.5 + 0.006 * finding.wobble[0]
        return [(open_curve(np.array([(x + 0.004, -0.2), (x, tip - 0.07), (x - 0.002, tip)])), 0.012)]
    if finding.kind == "central line":
        tip = chest.level(0.52 if finding.spot[1] > 0.5 else 0.36)
        path = [
            (0.5 + sign * 0.085, -0.15),
            (0.5 + sign * 0.075, chest.level(-0.06)),
            (0.5 + sign * 0.055, chest.level(0.06)),
        ]
        if sign > 0:
            path += [(0.515, chest.level(0.15)), (0.47, chest.level(0.22))]
        return [(open_curve(np.array([*path, (0.452, chest.level(0.30)), (0.449, tip)])), 0.008)]
    if finding.kind == "enteric tube":
        points = [(0.505, -0.2), (0.506, 0.25), (0.512, 0.55), (0.525, chest.level(0.92)), (0.57, chest.level(1.02))]
        return [(open_curve(np.array([*points, (0.62, chest.level(1.10)), (0.60, chest.level(1.22))])), 0.007)]
    if finding.kind == "chest tube":
        wall = 0.5 + sign * (chest.anatomy.half_width + 0.10)
        inner = [chest.place(finding.side, u, v) for u, v in ((0.93, 0.66), (0.72, 0.52), (0.60, 0.34), (0.52, 0.17))]
        return [(open_curve(np.vstack([(wall, chest.level(0.80)), *inner])), 0.012)]
    return _leads(chest, sign)


def pacemaker_box(chest: Chest, finding: Finding) -> np.ndarray:
    """Outline of the generator below the clavicle."""
    centre_2 = np.array([0.5 + SIGN[finding.side] * 0.265, chest.anatomy.top + 0.115])
    return closed_curve(centre_2 + _BOX * (0.047, 0.043), samples=4)


def device_outlines(chest: Chest, finding: Finding) -> list[np.ndarray]:
    """Outlines that cover one device."""
    outlines = [ribbon(line_N2, width + 0.006) for line_N2, width in device_lines(chest, finding)]
    return [*outlines, pacemaker_box(chest, finding)] if finding.kind == "pacemaker" else outlines


def _leads(chest: Chest, sign: float) -> list[tuple[np.ndarray, float]]:
    """From the generator through the subclavian vein and the superior vena cava into the right heart."""
    middle, bottom = chest.heart.mean(axis=0), chest.heart[:, 1].max()
    start = [(0.5 + sign * 0.25, chest.anatomy.top + 0.08), (0.5 + sign * 0.15, chest.level(0.055))]
    start += [(0.5 + sign * 0.06, chest.level(0.11)), (0.455, chest.level(0.24)), (0.45, chest.level(0.42))]
    atrium = [*start, (0.445, middle[1] - 0.01), (0.425, middle[1] + 0.03)]
    ventricle = [*start, (0.46, middle[1] + 0.05), (0.50, bottom - 0.06), (middle[0] + 0.07, bottom - 0.05)]
    return [(open_curve(np.array(path)), 0.0055) for path in (atrium, ventricle)]
