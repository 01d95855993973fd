"""The lungs' vessels: a fan of branches from each hilum, drawn from a fixed number of random numbers.

Axes: S sides (left, right), B branches, K numbers a branch, T points, 2 is (x, y).
"""

import numpy as np

from src.data.phantom.geometry import Chest

BRANCHES = 11
NUMBERS_EACH = 12
NUMBERS = 2 * BRANCHES * NUMBERS_EACH
WIDTHS = (0.0085, 0.0055, 0.0036)
_HILUM = 0.47
_T = np.linspace(0, 1, 6)


def vessel_lines(chest: Chest, numbers: np.ndarray) -> list[tuple[list[np.ndarray], float]]:
    """Lines in body coordinates, (2 sides, branches, N, 2) each, grouped by width. ``numbers``: (NUMBERS,), 0 to 1."""
    draw_SBK = numbers.reshape(2, BRANCHES, NUMBERS_EACH)
    fan_SB = np.linspace(-1.45, 1.35, BRANCHES) + 0.16 * (draw_SBK[..., 0] - 0.5)
    reach_SB = 0.15 + 0.20 * draw_SBK[..., 1] + 0.05 * np.abs(fan_SB)
    root_SB2 = np.stack([0.070 + 0.02 * np.cos(fan_SB), chest.level(_HILUM) + 0.05 * fan_SB], axis=-1)
    main_SBT2 = root_SB2[..., None, :] + _curve(fan_SB, reach_SB, 1.1 * (draw_SBK[..., 2] - 0.5))
    trunks, branches, twigs = [main_SBT2[..., :3, :]], [main_SBT2[..., 2:5, :]], [main_SBT2[..., 4:, :]]
    for k, at in ((3, 1), (5, 2), (8, 3), (10, 4)):
        turn_SB = fan_SB + np.where(draw_SBK[..., k] < 0.5, -1, 1) * (0.30 + 0.55 * draw_SBK[..., k + 1])
        curve_SBT2 = _curve(turn_SB, 0.42 * reach_SB, 0.9 * (draw_SBK[..., 7] - 0.5))
        side_SBT2 = main_SBT2[..., at : at + 1, :] + curve_SBT2
        if at < 3:
            branches.append(side_SBT2[..., :3, :])
        twigs.append(side_SBT2[..., 2 if at < 3 else 0 :, :])
    return [
        ([_mirror(line) for line in lines], width)
        for lines, width in zip((trunks, branches, twigs), WIDTHS, strict=True)
    ]


def _mirror(half_SBT2: np.ndarray) -> np.ndarray:
    return half_SBT2 * np.array([[[[1.0, 1.0]]], [[[-1.0, 1.0]]]]) + np.array([0.5, 0.0])


def _curve(angle_SB: np.ndarray, reach_SB: np.ndarray, bend_SB: np.ndarray) -> np.ndarray:
    turn_SBT = angle_SB[..., None] + bend_SB[..., None] * _T
    return (reach_SB[..., None] * _T)[..., None] * np.stack([np.cos(turn_SBT), np.sin(turn_SBT)], axis=-1)
