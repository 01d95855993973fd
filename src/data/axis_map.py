"""Moves boxes and maps of pixels between two frames that differ by a scale and a shift along each axis.

Coordinates count from an image's outer left and top edge, so that pixel 0 reaches from 0 to 1.
Axes: N boxes, H and W pixels.
"""

from typing import Any, NamedTuple, TypeVar

import numpy as np
from torch import Tensor

Boxes = TypeVar("Boxes", np.ndarray, Tensor)


class AxisMap(NamedTuple):
    """From one frame to another: ``x' = scale_x * x + shift_x``, and the same down. Scales are above 0."""

    scale_x: float
    scale_y: float
    shift_x: float
    shift_y: float

    def apply(self, box_N4: Boxes) -> Boxes:
        """Left, top, right, bottom in the other frame, of the type that they have; nothing is cut off."""
        scale_4 = [self.scale_x, self.scale_y] * 2
        shift_4 = [self.shift_x, self.shift_y] * 2
        if isinstance(box_N4, Tensor):
            moved_N4 = box_N4.double() * box_N4.new_tensor(scale_4).double() + box_N4.new_tensor(shift_4).double()
            return moved_N4.to(box_N4.dtype)
        moved_N4 = box_N4.reshape(-1, 4) * np.array(scale_4) + np.array(shift_4)
        return moved_N4.astype(np.result_type(box_N4.dtype, np.float32), copy=False)

    def inverse(self) -> "AxisMap":
        """The way back."""
        return AxisMap(1 / self.scale_x, 1 / self.scale_y, -self.shift_x / self.scale_x, -self.shift_y / self.scale_y)

    def then(self, other: "AxisMap") -> "AxisMap":
        """This one, and ``other`` after it."""
        return AxisMap(
            self.scale_x * other.scale_x,
            self.scale_y * other.scale_y,
            self.shift_x * other.scale_x + other.shift_x,
            self.shift_y * other.scale_y + other.shift_y,
        )

    def mask(self, mask_HW: np.ndarray, height: int, width: int) -> np.ndarray:
        """The mask in the other frame, which has ``height`` and ``width``, by nearest neighbour; 0 outside the mask.

        Axes before the last two stay as they are, and so does the type.
        """
        for axis, size, scale, shift in self._axes(height, width):
            at_S, inside_S = _sources(size, scale, shift, mask_HW.shape[axis])
            mask_HW = np.take(mask_HW, np.clip(np.floor(at_S), 0, mask_HW.shape[axis] - 1).astype(np.intp), axis=axis)
            mask_HW[_along(axis, ~inside_S)] = 0
        return mask_HW

    def probability(self, value_HW: np.ndarray, height: int, width: int) -> np.ndarray:
        """The same for values that may be mixed, float32, linearly between the pixels' centres."""
        value_HW = value_HW.astype(np.float32, copy=False)
        for axis, size, scale, shift in self._axes(height, width):
            last = value_HW.shape[axis] - 1
            at_S, inside_S = _sources(size, scale, shift, last + 1)
            centre_S = np.clip(at_S - 0.5, 0, last)
            low_S = np.floor(centre_S).astype(np.intp)
            part_S = (centre_S - low_S).astype(np.float32)
            part_S = part_S[:, None] if axis == -2 else part_S
            low = np.take(value_HW, low_S, axis=axis)
            high = np.take(value_HW, np.minimum(low_S + 1, last), axis=axis)
            high -= low
            high *= part_S
            low += high
            low[_along(axis, ~inside_S)] = 0
            value_HW = low
        return value_HW

    def _axes(self, height: int, width: int) -> list[tuple[int, int, float, float]]:
        # rows first: while they are few, the columns need not be mixed twice as often
        return [(-2, height, self.scale_y, self.shift_y), (-1, width, self.scale_x, self.shift_x)]


IDENTITY = AxisMap(1.0, 1.0, 0.0, 0.0)


def _sources(size: int, scale: float, shift: float, known: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the centres of ``size`` pixels lie in a frame of ``known`` pixels, and which of them lie in it."""
    # what a division loses must not decide between two pixels
    at_S = np.round((np.arange(size) + 0.5 - shift) / scale, 9)
    return at_S, (at_S >= 0) & (at_S < known)


def _along(axis: int, chosen_S: np.ndarray) -> Any:
    return (..., chosen_S, slice(None)) if axis == -2 else (..., chosen_S)
