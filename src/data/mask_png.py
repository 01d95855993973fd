"""Reads a mask file: the pixel values that say what is where.

Axes: H and W pixels.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from src.core.errors import UserError
from src.data.image_io import MAX_PIXELS

if TYPE_CHECKING:
    from PIL import Image

Palette = Literal["auto", "grey", "index"]
_FORMATS = ("PNG", "BMP", "TIFF", "GIF", "JPEG")


class MaskValues(NamedTuple):
    """``value_HW``: of each pixel. ``grey_of``: the grey that each number of a palette stands for; None for others.

    ``by_grey``: whether the values are these greys, and not the numbers.
    """

    value_HW: np.ndarray
    grey_of: dict[int, int] | None
    by_grey: bool


def mask_size(path: Path) -> tuple[int, int]:
    """Height and width; no pixel is read. Raises ``UserError`` where it is no image."""
    with _opened(path) as image:
        return image.height, image.width


def read_values(path: Path, palette: Palette) -> MaskValues:
    """The value of each pixel, (H, W): grey as it is, and white of a black and white file as 255.

    Of a file with a palette ``grey`` takes the greys that one sees, ``index`` the numbers, and ``auto`` the greys where
    the palette has no other colour.

    Raises ``UserError`` naming the file where it is no image, cut off, in colour, or has its mask in the transparency.
    """
    with _opened(path) as image:
        if image.mode == "1":
            return MaskValues(np.asarray(image.convert("L")), None, by_grey=False)
        if image.mode == "P":
            return _of_palette(path, np.asarray(image), image.getpalette("RGB") or [], palette)
        value_HW = np.asarray(image)
    if value_HW.ndim == 2:
        return MaskValues(value_HW, None, by_grey=False)
    channels = value_HW.shape[2]
    grey_HWC = value_HW[..., : 1 if channels == 2 else 3]
    if (grey_HWC != grey_HWC[..., :1]).any():
        raise UserError(f"the mask {path} is in colour; save it as grey, one value for each finding")
    grey_HW, alpha_HW = grey_HWC[..., 0], value_HW[..., -1]
    if channels in (2, 4) and (grey_HW == grey_HW[0, 0]).all() and (alpha_HW != alpha_HW[0, 0]).any():
        raise UserError(f"the mask {path} is drawn as transparency, its grey is one everywhere; save it as grey")
    return MaskValues(grey_HW, None, by_grey=False)


def _of_palette(path: Path, number_HW: np.ndarray, palette: list[int], wanted: Palette) -> MaskValues:
    colour_N3 = np.zeros((256, 3), dtype=np.uint8)
    colour_N3[: len(palette) // 3] = np.array(palette, dtype=np.uint8).reshape(-1, 3)
    grey_N = (colour_N3 == colour_N3[:, :1]).all(axis=1)
    used = np.unique(number_HW)
    if wanted == "grey" and not grey_N[used].all():
        raise UserError(
            f"the mask {path} has a palette of colours; give dataset.palette=index to read the numbers of the palette"
        )
    grey_of = {int(number): int(colour_N3[number, 0]) for number in used} if grey_N[used].all() else None
    by_grey = wanted == "grey" or (wanted == "auto" and bool(grey_N.all()))
    return MaskValues(colour_N3[number_HW, 0] if by_grey else number_HW, grey_of, by_grey)


@contextmanager
def _opened(path: Path) -> Iterator["Image.Image"]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=_FORMATS) as image:
            if image.height * image.width > MAX_PIXELS:
                raise UserError(
                    f"the mask {path} is above the {MAX_PIXELS // 1_000_000} megapixels admitted; shrink it"
                )
            yield image
    except FileNotFoundError:
        raise UserError(f"the mask {path} is missing") from None
    except UnidentifiedImageError:
        raise UserError(f"the mask {path} is not an image that can be read; save it as PNG") from None
    except (OSError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise UserError(f"the mask {path} is cut off or damaged ({error}); make it anew") from None
