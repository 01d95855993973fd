"""Maps the stored values of a grey DICOM to uint8 (PS3.3 C.7.5.1.1.2 for padding; ``dicom_voi`` for the rest).

Axes: H and W pixels, K different values of an image.
"""

from typing import Any, Literal

import numpy as np

from src.data.dicom_voi import number, windowed

DicomScale = Literal["maximum", "window"]
"""``maximum``: stored values over the largest of them (published). ``window``: the file's VOI window or table, where it
has one, and the whole range of values where not."""

_WIDEST = 1 << 20


def grey_image(value_HW: np.ndarray, padding_HW: np.ndarray | None, dataset: Any, *, scale: DicomScale) -> np.ndarray:
    """Return the grey image that ``dataset`` describes, uint8 (H, W), 0 black.

    Args:
        value_HW: The stored values, integers.
        padding_HW: Which pixels are padding, bool; None for none. They are excluded from the range and become black.
        dataset: The elements of the file.
        scale: See ``DicomScale``.

    Raises:
        ValueError: The image is blank or padding alone, or an element has no usable value.
    """
    shown = value_HW if padding_HW is None else value_HW[~padding_HW]
    if shown.size == 0:
        raise ValueError("is blank: every pixel is padding by its PixelPaddingValue and PixelPaddingRangeLimit")
    low, high = int(shown.min()), int(shown.max())
    if low == high:
        raise ValueError(f"is blank: every pixel has the value {low}")
    inside_HW = value_HW.astype(np.int64)
    if padding_HW is not None:
        inside_HW[padding_HW] = low
    inside_HW -= low
    if high - low < _WIDEST:
        # each different value once, in double precision, in place of every pixel
        level_K = np.flatnonzero(np.bincount(inside_HW.ravel()))
        table = np.zeros(high - low + 1, dtype=np.uint8)
        table[level_K] = _grey(level_K + low, dataset, scale)
        image_HW = table[inside_HW]
    else:
        image_HW = _grey(inside_HW + low, dataset, scale)
    if padding_HW is not None:
        image_HW[padding_HW] = 0
    return image_HW


def padding_mask(value_HW: np.ndarray, word_HW: np.ndarray, dataset: Any) -> np.ndarray | None:
    """Return which pixels are padding, bool (H, W); None where there are none.

    Args:
        value_HW: The stored values.
        word_HW: The same before bits above BitsStored are removed: some writers mark padding with those.
        dataset: The elements of the file.
    """
    first = number(dataset, "PixelPaddingValue")
    if first is None:
        return None
    last = number(dataset, "PixelPaddingRangeLimit")
    low, high = sorted(_as_stored(int(end), value_HW.dtype) for end in (first, first if last is None else last))
    padding_HW = (value_HW >= low) & (value_HW <= high)
    if word_HW is not value_HW:
        padding_HW |= (word_HW >= low) & (word_HW <= high)
    return np.asarray(padding_HW) if padding_HW.any() else None


def scale_by_maximum(value_HW: np.ndarray) -> np.ndarray:
    """Numbers of any depth to uint8, the image's maximum to 255, as the released code treats deep grey.

    The least value is moved to 0 where it is negative, since a negative value is darker than 0, and where it is above
    half the maximum, as where signed values were saved as unsigned: such an offset would leave few grey levels.
    """
    low, high = float(value_HW.min()), float(value_HW.max())
    offset = low if low < 0 or low > high / 2 else 0.0
    if offset:
        value_HW = value_HW.astype(np.float64) - offset
    return np.rint(value_HW.astype(np.float32) * (255.0 / max(high - offset, 1e-6))).astype(np.uint8)


def _as_stored(value: int, dtype: np.dtype[Any]) -> int:
    """``value`` as the type of the pixels holds it: the element may have the VR of the other sign."""
    bits = 8 * dtype.itemsize
    value %= 1 << bits
    return value - (1 << bits) if dtype.kind == "i" and value >= 1 << (bits - 1) else value


def _grey(level_K: np.ndarray, dataset: Any, scale: DicomScale) -> np.ndarray:
    inverted = dataset.PhotometricInterpretation == "MONOCHROME1"
    if scale == "window":
        grey_K = np.rint(255 * windowed(level_K.astype(np.float64), dataset)).astype(np.uint8)
    else:
        grey_K = scale_by_maximum(level_K)
        # the photometric interpretation is of rescaled values, and the rescaling is not applied here
        inverted ^= _has_negative_slope(dataset)
    return 255 - grey_K if inverted else grey_K


def _has_negative_slope(dataset: Any) -> bool:
    if dataset.get("ModalityLUTSequence"):
        return False
    try:
        return (number(dataset, "RescaleSlope") or 1.0) < 0
    except ValueError:
        return False
