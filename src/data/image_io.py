"""Reads one radiograph from a file to grey uint8: PNG, JPEG, TIFF, BMP here, DICOM in ``dicom_io``.

Axes: H and W pixels.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.core.errors import UserError
from src.data.dicom_io import DicomScale, read_dicom, scale_by_maximum

if TYPE_CHECKING:
    from PIL import Image

MIN_SIDE = 16
MAX_PIXELS = 80_000_000
MAX_ASPECT = 8
_STRIDE = 16

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")


class ImageError(UserError):
    """One image cannot be used. The message names the file, without its folders, which may carry patient ids.

    A DataLoader's worker passes an exception on as its type and its printed traceback; of that only the sentence
    at the end is for the user.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message.rpartition("ImageError: ")[2].strip())


def read_image(path: Path | str, *, dicom_scale: DicomScale) -> np.ndarray:
    """The image in ``path`` as uint8 (H, W), 0 black.

    The content decides, not the name: a PNG called .jpg is read as PNG. Colour is turned to luma, transparency is
    ignored, deeper grey is scaled by the image's own maximum. ``dicom_scale``: see ``dicom_io.read_dicom``.

    Raises ``ImageError`` naming the file where it is missing, empty, cut off, no image, smaller than 16 pixels on a
    side, all one value, above 80 megapixels, or more than eight times as long as wide.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except FileNotFoundError:
        raise ImageError(f"{path.name} is missing") from None
    except OSError as error:
        raise ImageError(f"{path.name} cannot be opened: {error.strerror}") from error
    if not head:
        raise ImageError(f"{path.name} is empty (0 bytes)")
    try:
        if head[128:] == b"DICM":
            image_HW = read_dicom(path, scale=dicom_scale, check_size=check_size)
        else:
            image_HW = _read_picture(path)
        if _is_blank(image_HW):
            raise ValueError(f"is blank: every pixel has the value {image_HW.flat[0]}")
    except ValueError as error:
        raise ImageError(f"{path.name} {error}") from error
    return image_HW


def _pixels(image: "Image.Image") -> np.ndarray:
    import pyarrow

    try:
        # a view of the image's own memory; numpy's way copies every row twice
        return np.asarray(pyarrow.array(image).to_numpy()).reshape(image.height, image.width)
    except ValueError:
        # above 16 MiB Pillow keeps an image in pieces
        return np.asarray(image)


def _is_blank(image_HW: np.ndarray) -> bool:
    # a few pixels tell almost every image from a blank one
    few = image_HW[::_STRIDE, ::_STRIDE]
    return bool(few.min() == few.max() and image_HW.min() == image_HW.max())


def check_size(height: int, width: int) -> None:
    """Raise ``ValueError`` for a size that no radiograph has, before anything of it is decoded."""
    if min(height, width) < MIN_SIDE:
        raise ValueError(f"is {width} x {height} pixels; the smallest side admitted is {MIN_SIDE}")
    if height * width > MAX_PIXELS:
        raise ValueError(f"is {width} x {height} pixels, above the {MAX_PIXELS // 1_000_000} megapixels admitted")
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise ValueError(f"is {width} x {height} pixels, a strip and not a radiograph")


@contextmanager
def _bombs_refused() -> Iterator[None]:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _read_picture(path: Path) -> np.ndarray:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with _bombs_refused(), Image.open(path, formats=_FORMATS) as image:
            check_size(image.height, image.width)
            # JPEG holds luma apart from colour: decode that alone
            image.draft("L", None)
            image.load()
            # in place, and no conversion of what is grey already: each would copy the whole image
            ImageOps.exif_transpose(image, in_place=True)
            if image.mode.startswith(("I", "F")):
                return scale_by_maximum(np.asarray(image, dtype=np.float32))
            return _pixels(image if image.mode == "L" else image.convert("L"))
    except UnidentifiedImageError:
        raise ValueError("is not a PNG, JPEG, TIFF, BMP or DICOM image") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(f"is above the {MAX_PIXELS // 1_000_000} megapixels admitted") from None
    except FileNotFoundError:
        # gone since its first bytes were read
        raise ValueError("is missing") from None
    except (OSError, SyntaxError, EOFError) as error:
        raise ValueError(f"is cut off or damaged ({error})") from error
