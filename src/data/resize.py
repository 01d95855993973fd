"""The published resizes: the longer side to a size by area, with zeros around it, or both sides stretched bilinearly.

Axes: H and W pixels.
"""

from typing import Literal, NamedTuple

import numpy as np

from src.data.axis_map import AxisMap

Resize = Literal["longest", "stretch"]
"""``longest``: the longer side gets the size, by area (cv2.INTER_AREA). ``stretch``: both sides get it, bilinearly
(cv2.INTER_LINEAR), so that the aspect is lost."""


class Placement(NamedTuple):
    """Where an original image lies in a resized one: its size there, its left and top edge, and the whole's size."""

    inner_height: int
    inner_width: int
    top: int
    left: int
    height: int
    width: int


def fit_longest_side(height: int, width: int, size: int) -> tuple[int, int]:
    """Height and width once the longer side has ``size`` pixels; the shorter is rounded down, as released."""
    scale = size / max(height, width)
    if height >= width:
        return size, max(1, int(width * scale))
    return max(1, int(height * scale)), size


def place(height: int, width: int, *, size: int, pad: bool, resize: Resize) -> Placement:
    """Where an image of ``height`` x ``width`` comes to lie."""
    if resize == "stretch":
        return Placement(size, size, 0, 0, size, size)
    inner_height, inner_width = fit_longest_side(height, width, size)
    if not pad:
        return Placement(inner_height, inner_width, 0, 0, inner_height, inner_width)
    return Placement(inner_height, inner_width, (size - inner_height) // 2, (size - inner_width) // 2, size, size)


def shrink(image_HW: np.ndarray, placement: Placement, *, resize: Resize) -> np.ndarray:
    """The image at the size that it has in the resized one, uint8."""
    import cv2

    size = (placement.inner_width, placement.inner_height)
    return cv2.resize(image_HW, size, interpolation=cv2.INTER_LINEAR if resize == "stretch" else cv2.INTER_AREA)


def placement_map(height: int, width: int, placement: Placement) -> AxisMap:
    """From pixels of an original of ``height`` x ``width`` to pixels of the resized image."""
    across, down = placement.inner_width / width, placement.inner_height / height
    return AxisMap(across, down, float(placement.left), float(placement.top))


def move_boxes(box_N4: np.ndarray, height: int, width: int, placement: Placement) -> np.ndarray:
    """Left, top, right, bottom of an original of ``height`` x ``width`` in pixels of the resized image, float32."""
    box_N4 = np.asarray(box_N4, dtype=np.float32).reshape(-1, 4)
    return placement_map(height, width, placement).apply(box_N4)


def frame(inner_HW: np.ndarray, placement: Placement) -> np.ndarray:
    """The shrunk image at its place among zeros."""
    if inner_HW.shape == (placement.height, placement.width):
        return inner_HW
    whole_HW = np.zeros((placement.height, placement.width), dtype=inner_HW.dtype)
    rows = slice(placement.top, placement.top + placement.inner_height)
    columns = slice(placement.left, placement.left + placement.inner_width)
    whole_HW[rows, columns] = inner_HW
    return whole_HW
