"""Reads one radiograph from a file to grey uint8: PNG, JPEG, TIFF and BMP by ``picture_io``, DICOM by ``dicom_io``.

Axes: H and W pixels.
"""

from pathlib import Path

import numpy as np

from src.core.errors import UserError
from src.data.dicom_io import DicomScale, read_dicom
from src.data.picture_io import MAX_PIXELS, read_picture

MIN_SIDE = 16
MAX_ASPECT = 8
_STRIDE = 16


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
    ignored, deeper grey is scaled by the image's own maximum, and pixels that are no finite number are black.
    ``dicom_scale``: see ``dicom_grey.DicomScale``.

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
            image_HW = read_picture(path, check_size=check_size)
        if _is_blank(image_HW):
            raise ValueError(f"is blank: every pixel has the value {image_HW.flat[0]}")
    except ValueError as error:
        raise ImageError(f"{path.name} {error}") from error
    return image_HW


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
