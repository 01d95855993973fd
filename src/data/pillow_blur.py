"""The blur of the released code: Pillow's, which approximates a Gaussian by three box filters.

Axes: H and W pixels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from albumentations import ImageOnlyTransform
from PIL import Image, ImageFilter


class PillowBlur(ImageOnlyTransform):
    """Blurs with probability ``p`` by a sigma, in pixels, that is drawn evenly between the two of ``sigma``."""

    def __init__(self, sigma: Sequence[float], p: float) -> None:
        super().__init__(p=p)
        self.sigma = (float(sigma[0]), float(sigma[1]))

    def get_params(self) -> dict[str, Any]:
        """The sigma of one image."""
        return {"sigma": self.py_random.uniform(*self.sigma)}

    def apply(self, img: np.ndarray, sigma: float, **_: Any) -> np.ndarray:
        """``img``: uint8 (H, W)."""
        return np.asarray(Image.fromarray(img).filter(ImageFilter.GaussianBlur(sigma)))
