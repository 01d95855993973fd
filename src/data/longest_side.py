"""The published resize as an albumentations transform. Imported only when a config names it."""

from typing import Any

import albumentations
import cv2
import numpy as np
from pydantic import PositiveInt

from src.data.resize import fit_longest_side


class LongestSide(albumentations.LongestMaxSize):
    """Scales an image so that its longer side has ``size`` pixels, by area; masks by nearest neighbour.

    The shorter side is rounded down, as the released code does; albumentations' own class rounds to the nearest.
    """

    def __init__(self, *, size: PositiveInt) -> None:
        # exact: the plain kind takes the pixel at the corner in place of the centre, which moves the mask off its image
        super().__init__(max_size=size, interpolation=cv2.INTER_AREA, mask_interpolation=cv2.INTER_NEAREST_EXACT)

    def apply(self, img: np.ndarray, **_: Any) -> np.ndarray:
        return self._scaled(img, cv2.INTER_AREA)

    def apply_to_mask(self, mask: np.ndarray, **_: Any) -> np.ndarray:
        return self._scaled(mask, self.mask_interpolation)

    def _scaled(self, image_HW: np.ndarray, interpolation: int) -> np.ndarray:
        height, width = fit_longest_side(image_HW.shape[0], image_HW.shape[1], self.max_size)
        if (height, width) == image_HW.shape[:2]:
            return image_HW
        return cv2.resize(image_HW, (width, height), interpolation=interpolation)
