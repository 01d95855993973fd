"""The lungs' vessels: a fan of branches from each hilum, drawn from a fixed number of random numbers."""

import numpy as np

from src.data.phantom.geometry import SIGN, Chest

BRANCHES = 12
NUMBERS = 2 * BRANCHES * 8
_T = np.linspace(0, 1, 6)


def vessel_lines(chest: Chest, numbers: np.ndarray) -> list[tuple[list[np.ndarray], float]]:
    """Lines in body coordinates grouped by width. ``numbers``: (NUMBERS,), uniform in 0 to 1."""
    trunks, branches, twigs = [], [], []
    for side, draw_BK in zip(SIGN, numbers.reshape(2, BRANCHES, 8), strict=True):
        fan_B = np.linspace(-1.35, 1.30, BRANCHES) + 0.16 * (draw_BK[:, 0] - 0.5)
        reach_B = 0.17 + 0.17 * draw_BK[:, 1] + 0.05 * np.abs(fan_B)
        hilum_2 = np.array([0.068, 0.0])
        main_BT2 = hilum_2 + _curve(fan_B, reach_B, 0.35 * (draw_BK[:, 2] - 0.5))
        trunks += list(main_BT2[:, :4])
        branches += list(main_BT2[:, 3:])
        for k, at in ((3, 2), (5, 3)):
            turn_B = fan_B + np.where(draw_BK[:, k] < 0.5, -1, 1) * (0.35 + 0.35 * draw_BK[:, k + 1])
            twigs += list(main_BT2[:, at : at + 1] + _curve(turn_B, 0.45 * reach_B, 0.3 * (draw_BK[:, 7] - 0.5)))
        for group in (trunks, branches, twigs):
            group[:] = [_side(line, chest, SIGN[side]) if line[0, 0] < 0.45 and not line.flags.writeable else line for line in group]
    return [(trunks, 0.0085), (branches, 0.0055), (twigs, 0.0042)]


def _curve(angle_B: np.ndarray, reach_B: np.ndarray, bend_B: np.ndarray) -> np.ndarray:
    turn_BT = angle_B[:, None] + bend_B[:, None] * _T
    return reach_B[:, None, None] * _T[:, None] * np.stack([np.cos(turn_BT), np.sin(turn_BT)], axis=-1)
