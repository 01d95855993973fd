"""Ribs, clavicles and spine of the phantom as lines in body coordinates. N points, 2 is (x, y)."""

import numpy as np

from src.data.phantom.geometry import SIGN, Chest
from src.data.phantom.shapes import open_curve

RIBS = 10
RIB_WIDTH = 0.023
CLAVICLE_WIDTH = 0.026
SPINE_WIDTH = 0.068
_FRONT_RIBS = range(1, 7)


def back_rib(chest: Chest, side: str, number: int) -> np.ndarray:
    """The posterior part of rib ``number`` (1 to 10), from the spine to the chest wall."""
    anatomy = chest.anatomy
    v = -0.05 + 0.094 * number
    reach = float(np.interp(v + 0.10, [0.0, 0.08, 0.2, 0.35, 0.6, 0.9], [0.42, 0.58, 0.80, 0.91, 1.0, 1.03]))
    drop = (0.085 + 0.014 * number) * anatomy.rib_slope
    t_N = np.array([0.0, 0.16, 0.36, 0.58, 0.78, 0.92, 1.0])
    fall_N = np.array([0.0, -0.12, -0.02, 0.22, 0.55, 0.84, 1.12]) * drop
    x_N = 0.5 + SIGN[side] * (0.035 + t_N * (reach * (anatomy.half_width + 0.006) - 0.035))
    x_N = x_N + bend(chest, v) * (1 - t_N)
    return open_curve(np.stack([x_N, chest.level(v) + fall_N * anatomy.height / 0.69], axis=1), samples=4)


def front_rib(chest: Chest, side: str, number: int) -> np.ndarray:
    """The anterior part of rib ``number``: from the chest wall down and inwards, ending in cartilage."""
    start_2 = back_rib(chest, side, number)[-1]
    reach = SIGN[side] * (start_2[0] - 0.5)
    t_N = np.array([0.0, 0.12, 0.35, 0.62, 0.85])
    x_N = 0.5 + SIGN[side] * reach * (1 - np.array([0.0, 0.02, 0.20, 0.46, 0.66]))
    y_N = start_2[1] + (0.16 * t_N + 0.02) * chest.anatomy.height / 0.69
    return open_curve(np.stack([x_N, y_N], axis=1), samples=3)


def all_ribs(chest: Chest) -> tuple[dict[tuple[str, int], np.ndarray], list[np.ndarray]]:
    """Posterior ribs by side and number, and the anterior ones."""
    back = {(side, number): back_rib(chest, side, number) for side in SIGN for number in range(1, RIBS + 1)}
    return back, [front_rib(chest, side, number) for side in SIGN for number in _FRONT_RIBS]


def clavicle(chest: Chest, side: str) -> np.ndarray:
    """From the sternum to the shoulder."""
    offset_N = np.array([0.035, 0.10, 0.19, 0.29, 0.37, 0.44])
    rise_N = np.array([0.075, 0.072, 0.050, 0.012, -0.005, 0.005])
    x_N = 0.5 + SIGN[side] * offset_N * chest.anatomy.half_width / 0.36
    return open_curve(np.stack([x_N, chest.anatomy.top + rise_N], axis=1), samples=4)


def scapula(chest: Chest, side: str) -> np.ndarray:
    """The edge of the shoulder blade that crosses the outer lung."""
    offset_N, y_N = np.array([(0.42, 0.03), (0.40, 0.08), (0.385, 0.16), (0.40, 0.26), (0.43, 0.33)]).T
    x_N = 0.5 + SIGN[side] * offset_N * chest.anatomy.half_width / 0.36
    return open_curve(np.stack([x_N, chest.anatomy.top + y_N], axis=1), samples=3)


def bend(chest: Chest, v: float | np.ndarray) -> float | np.ndarray:
    """How far scoliosis pushes the spine aside at lung level ``v``."""
    return chest.anatomy.curve * np.sin(np.pi * np.clip(v, -0.1, 1.1))


def spine(chest: Chest) -> np.ndarray:
    """The line through the vertebral bodies, from the neck to the abdomen."""
    v_N = np.linspace(-0.25, 1.45, 28)
    return np.stack([0.5 + bend(chest, v_N), chest.level(v_N)], axis=1)


def discs(chest: Chest) -> list[np.ndarray]:
    """Short lines across the spine where the discs are."""
    v_N = np.arange(-0.18, 1.4, 0.082)
    x_N, y_N = 0.5 + bend(chest, v_N), chest.level(v_N)
    return [np.array([[x - 0.030, y], [x + 0.030, y]]) for x, y in zip(x_N, y_N, strict=True)]
