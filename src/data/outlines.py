"""Shapes that annotators draw, turned into masks of an image's own size.

Axes: H and W pixels, R runs, K corners. Coordinates count from the left and from the top edge of the image.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Outline(Protocol):
    """A shape on one image."""

    def draw(self, height: int, width: int) -> np.ndarray:
        """The pixels inside, bool (H, W).

        Raises ``ValueError``, whose text completes a sentence about the image, where the shape does not fit.
        """
        ...


@dataclass(frozen=True, slots=True)
class RunLengths:
    """SIIM-ACR's masks: pairs "skip length" down the columns from the top left, each skip from the last run's end."""

    text: str

    def draw(self, height: int, width: int) -> np.ndarray:
        try:
            run_R2 = np.array(self.text.split(), dtype=np.int64).reshape(-1, 2)
        except ValueError:
            raise ValueError("has a run-length mask that is not a list of whole numbers in pairs") from None
        skip_R, length_R = run_R2.T
        if len(run_R2) == 0 or (skip_R < 0).any() or (length_R <= 0).any():
            raise ValueError("has a run-length mask with a start below 0, or a length of 0 or below")
        end_R = np.cumsum(skip_R + length_R)
        if end_R[-1] > height * width:
            raise ValueError(
                f"has a run-length mask that ends at pixel {end_R[-1]}, past the end of {width} x {height} pixels"
            )
        mask_WH = np.zeros(height * width, dtype=bool)
        mask_WH[
            np.repeat(skip_R + np.r_[0, end_R[:-1]] - np.r_[0, np.cumsum(length_R)[:-1]], length_R)
            + np.arange(length_R.sum())
        ] = True
        return mask_WH.reshape(width, height).T


@dataclass(frozen=True, slots=True)
class Rectangle:
    """An upright rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    def draw(self, height: int, width: int) -> np.ndarray:
        x_W, y_H = _centres(width), _centres(height)
        return ((self.top <= y_H) & (y_H < self.bottom))[:, None] & ((self.left <= x_W) & (x_W < self.right))


@dataclass(frozen=True, slots=True)
class Ellipse:
    """The upright ellipse inside a rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    def draw(self, height: int, width: int) -> np.ndarray:
        across_W = (2 * _centres(width) - self.left - self.right) / (self.right - self.left)
        down_H = (2 * _centres(height) - self.top - self.bottom) / (self.bottom - self.top)
        return down_H[:, None] ** 2 + across_W**2 <= 1


@dataclass(frozen=True, slots=True)
class Polygon:
    """A closed line through ``corners``: x and y of each in turn, filled as pycocotools' ``annToMask`` fills it."""

    corners: tuple[float, ...]

    def draw(self, height: int, width: int) -> np.ndarray:
        from pycocotools import mask

        return mask.decode(mask.frPyObjects([list(self.corners)], height, width)[0]).astype(bool)


def _centres(count: int) -> np.ndarray:
    return np.arange(count) + 0.5
