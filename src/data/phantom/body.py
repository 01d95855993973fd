"""Soft tissue around the lungs: trunk, neck, arms, abdomen, breasts, airways, in body coordinates."""

import numpy as np

from src.data.phantom.devices import CARINA
from src.data.phantom.geometry import Chest
from src.data.phantom.shapes import both_sides, closed_curve, open_curve, ribbon

_HUMERUS = np.array(
    [
        (0.455, 0.035),
        (0.50, 0.03),
        (0.525, 0.08),
        (0.53, 0.2),
        (0.56, 0.5),
        (0.52, 0.5),
        (0.49, 0.2),
        (0.455, 0.09),
    ]
)
_BUBBLE = np.array([(-1, 0.1), (-0.6, -0.7), (0.1, -1), (0.8, -0.6), (1, 0.3), (0, 0.6)])


def trunk(chest: Chest) -> np.ndarray:
    """Neck, shoulders and the sides of the chest down past the picture's edge."""
    anatomy = chest.anatomy
    side = anatomy.half_width + anatomy.wall
    top = anatomy.top
    half = [(0.10, -0.30), (0.10, top - 0.13), (0.13, top - 0.075), (0.22, top - 0.035), (0.35, top - 0.01)]
    half += [(0.47, top + 0.05), (0.53, top + 0.13), (side + 0.045, top + 0.24), (side + 0.01, top + 0.36)]
    half += [(side, top + 0.50), (side + 0.005, 0.85), (side, 1.30)]
    left_N2, right_N2 = both_sides(np.array(half))
    return closed_curve(np.vstack([right_N2, left_N2[::-1]]), samples=4)


def arms(chest: Chest) -> np.ndarray:
    """Upper arms, mostly beyond the picture's sides."""
    side, top = chest.anatomy.half_width + chest.anatomy.wall, chest.anatomy.top
    half_N2 = np.array([(0.42, top + 0.02), (0.54, top + 0.06), (0.70, top + 0.2), (0.80, 1.2), (side + 0.16, 1.2)])
    half_N2 = np.vstack([half_N2, (side + 0.07, top + 0.34)])
    return closed_curve(both_sides(half_N2))


def humeri(chest: Chest) -> np.ndarray:
    """Heads and shafts of the arm bones."""
    top = chest.anatomy.top
    half_N2 = np.array(
        [(0.455, top + 0.035), (0.50, top + 0.03), (0.525, top + 0.08), (0.53, top + 0.2), (0.56, top + 0.5)]
    )
    half_N2 = np.vstack([half_N2, [(0.52, top + 0.5), (0.49, top + 0.2), (0.455, top + 0.09)]])
    return closed_curve(both_sides(half_N2))


def abdomen(chest: Chest) -> np.ndarray:
    """All below the domes of the diaphragm."""
    left, right = (chest.lungs[side] for side in ("left", "right"))
    reach = chest.anatomy.half_width
    top_N2 = np.array(
        [
            (0.5 - reach - 0.12, chest.level(0.96)),
            (0.5 - reach, chest.level(0.93)),
            (0.5 - 0.6 * reach, _dome(right)),
            (0.5, chest.level(0.90)),
            (0.5 + 0.6 * reach, _dome(left)),
            (0.5 + reach, chest.level(0.96)),
            (0.5 + reach + 0.12, chest.level(0.99)),
        ]
    )
    return np.vstack([open_curve(top_N2), [(1.3, 1.4), (-0.3, 1.4)]])


def bubble(chest: Chest) -> np.ndarray:
    """Gas in the stomach under the left dome."""
    size = chest.anatomy.bubble
    centre_2 = np.array([0.5 + 0.52 * chest.anatomy.half_width, _dome(chest.lungs["left"]) + 0.055 + 0.02 * size])
    radius_2 = np.array([0.05 + 0.035 * size, 0.022 + 0.022 * size])
    return closed_curve(
        centre_2 + radius_2 * np.array([(-1, 0.1), (-0.6, -0.7), (0.1, -1), (0.8, -0.6), (1, 0.3), (0, 0.6)])
    )


def breasts(chest: Chest) -> np.ndarray:
    """Two soft shadows over the lower chest."""
    turn = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    width = chest.anatomy.half_width
    y = chest.anatomy.top + 0.47
    ring_N2 = np.stack([0.150 * np.cos(turn), 0.155 * np.sin(turn)], axis=1)
    return closed_curve(both_sides(ring_N2 + np.array([0.62 * width, y])))


def airways(chest: Chest) -> list[np.ndarray]:
    """Windpipe and the two main bronchi, which hold air."""
    carina = chest.level(CARINA)
    trachea = ribbon(np.array([(0.5, -0.3), (0.5, 0.05), (0.499, carina)]), 0.036)
    right = ribbon(np.array([(0.5, carina - 0.012), (0.475, carina + 0.03), (0.452, carina + 0.065)]), 0.022)
    left = ribbon(np.array([(0.5, carina - 0.012), (0.53, carina + 0.03), (0.565, carina + 0.055)]), 0.019)
    return [trachea, right, left]


def _dome(lung_N2: np.ndarray) -> float:
    """Height of the diaphragm's dome: the lowest lung outline near the middle of the field."""
    offset_N = np.abs(lung_N2[:, 0] - 0.5)
    near = np.abs(offset_N - 0.6 * offset_N.max()) < 0.12 * offset_N.max()
    return float(lung_N2[near, 1].max())
