"""The published resize as an albumentations transform. Imported only when a config names it."""

from typing import Any

import albumentations
import cv2
import numpy as np


class LongestSide(albumentations.LongestMaxSize):
    """Scales an image so that its longer side has ``size`` pixels, by area; masks by nearest neighbour.

    The shorter side is rounded down, as the released code does; albumentations' own class rounds to the nearest.
    """

    def __init__(self, *, size: int) -> None:
        super().__init__(max_size=size, interpolation=cv2.INTER_AREA, mask_interpolation=cv2.INTER_NEAREST)

    def apply(self, img: np.ndarray, scale: float, **_: Any) -> np.ndarray:
        return cv2.resize(img, self._width_height(img, scale), interpolation=cv2.INTER_AREA)

    def apply_to_mask(self, mask: np.ndarray, scale: float, **_: Any) -> np.ndarray:
        return cv2.resize(mask, self._width_height(mask, scale), interpolation=cv2.INTER_NEAREST)

    def _width_height(self, image_HW: np.ndarray, scale: float) -> tuple[int, int]:
        height, width = image_HW.shape[:2]
        if height >= width:
            return max(1, int(width * scale)), self.max_size
        return self.max_size, max(1, int(height * scale))
