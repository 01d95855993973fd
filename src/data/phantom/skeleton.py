"""Ribs, clavicles and spine of the phantom as lines in body coordinates.

Axes: S sides (left, right), R ribs, F anterior ribs, N points, 2 is (x, y).
"""

import numpy as np

from src.data.phantom.geometry import Chest
from src.data.phantom.shapes import both_sides, open_curve

RIBS = 10
RIB_WIDTH = 0.023
CLAVICLE_WIDTH = 0.026
SPINE_WIDTH = 0.068
_FRONT_RIBS = 6
_CAGE_V = [0.0, 0.08, 0.2, 0.35, 0.6, 0.9]
_CAGE_REACH = [0.42, 0.58, 0.80, 0.91, 1.0, 1.03]
_ALONG = np.array([0.0, 0.16, 0.36, 0.58, 0.78, 0.92, 1.0])
_FALL = np.array([0.0, -0.12, -0.02, 0.22, 0.55, 0.84, 1.12])
_INWARDS = np.array([1.0, 0.98, 0.80, 0.54, 0.34])
_DOWNWARDS = np.array([0.02, 0.039, 0.076, 0.119, 0.156])
_CLAVICLE = np.array([(0.035, 0.075), (0.10, 0.072), (0.19, 0.05), (0.29, 0.012), (0.37, -0.005), (0.44, 0.005)])
_SCAPULA = np.array([(0.42, 0.03), (0.40, 0.08), (0.385, 0.16), (0.40, 0.26), (0.43, 0.33)])


def back_ribs(chest: Chest) -> np.ndarray:
    """The posterior ribs from the spine to the chest wall, (2 sides: left, right; ribs; N, 2)."""
    anatomy = chest.anatomy
    number_R1 = np.arange(1, RIBS + 1)[:, None]
    v_R1 = -0.05 + 0.094 * number_R1
    reach_R1 = np.interp(v_R1 + 0.10, _CAGE_V, _CAGE_REACH) * (anatomy.half_width + 0.006)
    fall_RN = _FALL * (0.085 + 0.014 * number_R1) * anatomy.rib_slope * anatomy.height / 0.69
    half_RN2 = np.stack([0.035 + _ALONG * (reach_R1 - 0.035), chest.level(v_R1) + fall_RN], axis=-1)
    points_SRN2 = both_sides(half_RN2)
    points_SRN2[..., 0] += bend(chest, v_R1) * (1 - _ALONG)
    return open_curve(points_SRN2, samples=4)


def front_ribs(chest: Chest, back_SRN2: np.ndarray) -> np.ndarray:
    """The anterior ribs from the chest wall down and inwards to the cartilage, (2, ribs, N, 2)."""
    start_SF12 = back_SRN2[:, :_FRONT_RIBS, -1:, :]
    x_SFN = 0.5 + (start_SF12[..., 0] - 0.5) * _INWARDS
    y_SFN = start_SF12[..., 1] + _DOWNWARDS * chest.anatomy.height / 0.69
    return open_curve(np.stack([x_SFN, y_SFN], axis=-1), samples=3)


def clavicles(chest: Chest) -> np.ndarray:
    """From the sternum to the shoulders, (2, N, 2)."""
    return open_curve(both_sides(_fitted(chest, _CLAVICLE)), samples=4)


def scapulae(chest: Chest) -> np.ndarray:
    """The edges of the shoulder blades beside the lungs, (2, N, 2)."""
    return open_curve(both_sides(_fitted(chest, _SCAPULA)), samples=3)


def bend(chest: Chest, v: float | np.ndarray) -> float | np.ndarray:
    """How far scoliosis pushes the spine aside at lung level ``v``."""
    return chest.anatomy.curve * np.sin(np.pi * np.clip(v, -0.1, 1.1))


def spine(chest: Chest) -> np.ndarray:
    """The line through the vertebral bodies, from the neck to the abdomen."""
    v_N = np.linspace(-0.25, 2.0, 32)
    return np.stack([0.5 + bend(chest, v_N), chest.level(v_N)], axis=1)


def discs(chest: Chest) -> np.ndarray:
    """Short lines across the spine where the discs are, (discs, 2, 2)."""
    v_N = np.arange(-0.18, 1.9, 0.082)
    centre_N2 = np.stack([0.5 + bend(chest, v_N), chest.level(v_N)], axis=1)
    return centre_N2[:, None] + np.array([[-0.030, 0.0], [0.030, 0.0]])


def _fitted(chest: Chest, half_N2: np.ndarray) -> np.ndarray:
    """Points of an average patient, from the apex down, brought to this one's width and height."""
    return half_N2 * np.array([chest.anatomy.half_width / 0.36, 1.0]) + np.array([0.0, chest.anatomy.top])
