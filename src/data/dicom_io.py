"""Reads one single-frame grey DICOM, compressed or not, to uint8.

Axes: H and W pixels.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

DicomScale = Literal["maximum", "window"]
"""``maximum``: stored values over the largest of them (published). ``window``: the file's VOI window or table, where it
has one, and the whole range of values where not."""

_GREY = ("MONOCHROME1", "MONOCHROME2")


def read_dicom(path: Path, *, scale: DicomScale, check_size: Callable[[int, int], None]) -> np.ndarray:
    """The DICOM image in ``path`` as uint8 (H, W), 0 black; MONOCHROME1, whose 0 is white, is inverted.

    ``check_size(height, width)`` is called before the pixels are decoded and may raise ``ValueError``.
    Raises ``ValueError`` whose text completes a sentence that begins with the file: no DICOM, no pixel data,
    several frames, colour, a transfer syntax without a decoder, damaged pixels.
    """
    dataset = _open(path)
    _check(dataset, check_size)
    try:
        value_HW = np.asarray(dataset.pixel_array)
    except (ValueError, RuntimeError, AttributeError, NotImplementedError, KeyError, TypeError, OSError) as error:
        raise ValueError(f"has pixel data that cannot be decoded ({_one_line(error)})") from error
    value_HW = _windowed(value_HW, dataset) if scale == "window" else scale_by_maximum(value_HW)
    return 255 - value_HW if dataset.PhotometricInterpretation == "MONOCHROME1" else value_HW


def scale_by_maximum(value_HW: np.ndarray) -> np.ndarray:
    """Numbers of any depth to uint8, the image's maximum to 255, as the released code treats deep grey.

    Signed values are moved to start at 0: a negative one is darker than 0, not as bright as its opposite.
    """
    value_HW = value_HW.astype(np.float32) - min(float(value_HW.min()), 0.0)
    return np.rint(value_HW * (255.0 / max(float(value_HW.max()), 1e-6))).astype(np.uint8)


def _open(path: Path) -> Any:
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        return pydicom.dcmread(path)
    except InvalidDicomError:
        raise ValueError("is not a DICOM file") from None
    except (EOFError, ValueError, KeyError, NotImplementedError, AttributeError, OSError) as error:
        raise ValueError(f"is a damaged DICOM file ({_one_line(error)})") from error


def _check(dataset: Any, check_size: Callable[[int, int], None]) -> None:
    from pydicom.pixels import get_decoder

    if "PixelData" not in dataset:
        raise ValueError("is a DICOM file without pixel data")
    for keyword in ("Rows", "Columns", "PhotometricInterpretation", "BitsStored"):
        if dataset.get(keyword) is None:
            raise ValueError(f"is a DICOM file without the element {keyword}")
    if int(dataset.get("NumberOfFrames") or 1) > 1:
        raise ValueError(f"is a DICOM file of {int(dataset.NumberOfFrames)} frames; export one frame as a file")
    if dataset.PhotometricInterpretation not in _GREY:
        raise ValueError(f"is a DICOM image of type {dataset.PhotometricInterpretation}; only grey ones are read")
    check_size(int(dataset.Rows), int(dataset.Columns))
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    try:
        available = syntax is not None and get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise ValueError(f"is a DICOM file in the transfer syntax {syntax}, for which no decoder is installed")


def _windowed(value_HW: np.ndarray, dataset: Any) -> np.ndarray:
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    value_HW = np.asarray(apply_modality_lut(value_HW, dataset), dtype=np.float32)
    if "VOILUTSequence" in dataset:
        value_HW = np.asarray(apply_voi_lut(value_HW.astype(np.int32), dataset), dtype=np.float32)
    elif dataset.get("WindowCenter") is not None and dataset.get("WindowWidth") is not None:
        # DICOM PS3.3 C.11.2.1.2.1, the linear function; the first window where there are several
        centre, width = (float(np.ravel(dataset[key].value)[0]) for key in ("WindowCenter", "WindowWidth"))
        value_HW = ((value_HW - (centre - 0.5)) / max(width - 1, 1.0) + 0.5).clip(0, 1)
        return np.rint(255 * value_HW).astype(np.uint8)
    return scale_by_maximum(value_HW - value_HW.min())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
