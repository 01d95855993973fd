"""Reads a PNG whose pixel values say what is where.

Axes: H and W pixels.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.core.errors import UserError
from src.data.image_io import MAX_PIXELS

if TYPE_CHECKING:
    from PIL import Image


def mask_size(path: Path) -> tuple[int, int]:
    """Height and width; no pixel is read. Raises ``UserError`` where it is no PNG."""
    with _opened(path) as image:
        return image.height, image.width


def read_values(path: Path) -> np.ndarray:
    """The value of each pixel, (H, W): grey as it is, white of a black and white file as 255, a palette's numbers.

    Raises ``UserError`` naming the file where it is no PNG, cut off, or in colour.
    """
    with _opened(path) as image:
        if image.mode == "1":
            return np.asarray(image.convert("L"))
        value_HW = np.asarray(image)
    if value_HW.ndim == 2:
        return value_HW
    grey_HWC = value_HW[..., : 1 if value_HW.shape[2] == 2 else 3]
    if (grey_HWC != grey_HWC[..., :1]).any():
        raise UserError(f"the mask {path} is in colour; save it as grey, one value for each finding")
    return grey_HWC[..., 0]


@contextmanager
def _opened(path: Path) -> Iterator["Image.Image"]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.height * image.width > MAX_PIXELS:
                raise UserError(
                    f"the mask {path} is above the {MAX_PIXELS // 1_000_000} megapixels admitted; shrink it"
                )
            yield image
    except FileNotFoundError:
        raise UserError(f"the mask {path} is missing") from None
    except UnidentifiedImageError:
        raise UserError(f"the mask {path} is not a PNG; save it as one") from None
    except (OSError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise UserError(f"the mask {path} is cut off or damaged ({error}); make it anew") from None
