"""Reads one PNG, JPEG, TIFF or BMP with Pillow to grey uint8.

Axes: H and W pixels.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.core.files import raise_of_storage
from src.data.dicom_grey import scale_by_maximum

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 80_000_000

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
# tags of TIFF 6.0 and their values
_SUBFILE_TYPE, _THUMBNAIL = 254, 1
_BITS_PER_SAMPLE = 258
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_SAMPLE_FORMAT, _UNSIGNED, _SIGNED = 339, 1, 2


def read_picture(path: Path, *, check_size: Callable[[int, int], None]) -> np.ndarray:
    """Return the image in ``path`` as uint8 (H, W), 0 black, upright by its EXIF orientation.

    Colour is turned to luma, transparency is ignored, and what is deeper than 8 bits is scaled by the image's maximum.
    Pixels that are no finite number are black and no part of the range. ``check_size(height, width)`` is called before
    the pixels are decoded and may raise ``ValueError``.
    Raises ``ValueError`` whose text completes a sentence that begins with the file.
    """
    from PIL import Image, ImageOps

    try:
        # from a file object: Pillow maps the file of a path to memory, and then misreads a TIFF that lies on its side
        file = path.open("rb")
    except FileNotFoundError:
        # gone since its first bytes were read
        raise ValueError("is missing") from None
    with file:
        is_tiff = file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
        file.seek(0)
        with _one_sentence(is_tiff=is_tiff):
            image = Image.open(file, formats=_FORMATS)
            several = is_tiff and _has_pages(image)
        check_size(image.height, image.width)
        if several:
            raise ValueError("is a TIFF of several pages; save one page as a file")
        deep_colour = len(image.getbands()) > 1 and any(";16" in str(tile) for tile in image.tile)
        with _one_sentence(is_tiff=is_tiff):
            # JPEG holds luma apart from colour: decode that alone
            image.draft("L", None)
            image.load()
            # in place, and no conversion of what is grey already: each would copy the whole image
            ImageOps.exif_transpose(image, in_place=True)
        return scale_by_maximum(_deep_luma(path)) if deep_colour else _grey(image)


@contextmanager
def _one_sentence(*, is_tiff: bool) -> Iterator[None]:
    """Turn whatever Pillow raises on a damaged file into a ``ValueError`` that says so."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except UnidentifiedImageError:
        if is_tiff:
            raise ValueError(
                "is a damaged TIFF, or one of a kind that is not read; save it as PNG of 8 or 16 bits"
            ) from None
        raise ValueError("is not a PNG, JPEG, TIFF, BMP or DICOM image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(f"is above the {MAX_PIXELS // 1_000_000} megapixels admitted") from None
    except Exception as error:
        raise_of_storage(error)
        raise ValueError(f"is cut off or damaged ({' '.join(str(error).split())[:200]})") from error


def _has_pages(image: "Image.Image") -> bool:
    """Whether a TIFF has a second page that is no thumbnail of the first."""
    for page in range(1, getattr(image, "n_frames", 1)):
        image.seek(page)
        thumbnail = _tag(image, _SUBFILE_TYPE, 0) & _THUMBNAIL
        image.seek(0)
        if not thumbnail:
            return True
    return False


def _tag(image: "Image.Image", tag: int, default: int) -> int:
    value = getattr(image, "tag_v2", {}).get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)


def _grey(image: "Image.Image") -> np.ndarray:
    signs = _tag(image, _SAMPLE_FORMAT, _UNSIGNED)
    signed_bytes = image.mode == "L" and signs == _SIGNED
    if not image.mode.startswith(("I", "F")) and not signed_bytes:
        try:
            return _pixels(image if image.mode == "L" else image.convert("L"))
        except ValueError:
            raise ValueError(f"is a colour image of the kind {image.mode}; save it as grey or RGB") from None
    value_HW = np.asarray(image)
    if signed_bytes:
        value_HW = value_HW.view(np.int8)
    elif signs == _UNSIGNED and value_HW.dtype == np.int32 and _tag(image, _BITS_PER_SAMPLE, 0) == 32:
        value_HW = value_HW.view(np.uint32)
    finite_HW = np.isfinite(value_HW)
    if not finite_HW.any():
        raise ValueError("has no pixel that is a finite number")
    grey_HW = scale_by_maximum(np.where(finite_HW, value_HW, value_HW[finite_HW].min()))
    if _tag(image, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO and not signed_bytes:
        # of 8 bits and 1 bit, Pillow inverts these itself
        grey_HW = 255 - grey_HW
    grey_HW[~finite_HW] = 0
    return grey_HW


def _pixels(image: "Image.Image") -> np.ndarray:
    import pyarrow

    try:
        # a view of the image's own memory; numpy's way copies every row twice
        return np.asarray(pyarrow.array(image).to_numpy()).reshape(image.height, image.width)
    except ValueError:
        # above 16 MiB Pillow keeps an image in pieces
        return np.asarray(image)


def _deep_luma(path: Path) -> np.ndarray:
    """The luma of a colour image of 16 bits per channel, of which Pillow keeps the upper 8 alone."""
    import cv2

    try:
        luma_HW = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    except cv2.error:
        luma_HW = None
    if luma_HW is None:
        raise ValueError("is a colour image of 16 bits per channel that cannot be read; save it as grey of 16 bits")
    return np.asarray(luma_HW)
