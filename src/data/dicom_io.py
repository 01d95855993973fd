"""Reads one single-frame DICOM, grey or colour, compressed or not, to grey uint8.

Whatever is wrong with a file, the error is a ``ValueError`` of one sentence: pydicom raises a dozen kinds. The texts of
its errors about the header are left out, since they quote elements, among which are names of patients.

Axes: H and W pixels, 3 colours.
"""

import logging
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from src.core.files import raise_of_storage
from src.data.codestream import codestream_size
from src.data.dicom_grey import DicomScale, grey_image, padding_mask

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR")
_NEEDED = ("Rows", "Columns", "PhotometricInterpretation", "BitsAllocated", "BitsStored")


def read_dicom(path: Path, *, scale: DicomScale, check_size: Callable[[int, int], None]) -> np.ndarray:
    """Return the DICOM image in ``path`` as uint8 (H, W), 0 black; MONOCHROME1, whose 0 is white, is inverted.

    Pixels of PixelPaddingValue are black and no part of the range. Colour is turned to luma.
    ``check_size(height, width)`` is called before the pixels are decoded and may raise ``ValueError``.
    Raises ``ValueError`` whose text completes a sentence that begins with the file: no DICOM, no pixel data,
    several frames, a transfer syntax without a decoder, damaged pixels, an element that has no usable value.
    """
    # pydicom's warnings quote elements of the header
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = _open(path)
        kind = _check(dataset, check_size)
        value, word = _decode(dataset)
        if kind in _GREY:
            return grey_image(value, padding_mask(value, word, dataset), dataset, scale=scale)
        return _luma(value, dataset)


def _open(path: Path) -> Any:
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        return pydicom.dcmread(path)
    except InvalidDicomError:
        raise ValueError("is not a DICOM file") from None
    except FileNotFoundError:
        # gone since its first bytes were read
        raise ValueError("is missing") from None
    except Exception as error:
        raise_of_storage(error)
        raise ValueError(f"is a damaged DICOM file ({type(error).__name__} in its header)") from error


def _check(dataset: Any, check_size: Callable[[int, int], None]) -> str:
    """The photometric interpretation of an image that can be decoded."""
    if "PixelData" not in dataset:
        raise ValueError("is a DICOM file without pixel data")
    for keyword in _NEEDED:
        if _element(dataset, keyword, str, "") in ("", "None"):
            raise ValueError(f"is a DICOM file without the element {keyword}")
    frames = _element(dataset, "NumberOfFrames", int, 1)
    if frames > 1:
        raise ValueError(f"is a DICOM file of {frames} frames; export one frame as a file")
    kind: str = _element(dataset, "PhotometricInterpretation", str, "")
    samples = _element(dataset, "SamplesPerPixel", int, 1)
    if kind not in (*_GREY, *_COLOUR):
        named = kind if re.fullmatch(r"[A-Z0-9_ ]{1,16}", kind) else "(damaged)"
        raise ValueError(f"is a DICOM image of type {named}; export it as MONOCHROME2 or RGB")
    if samples != (1 if kind in (*_GREY, "PALETTE COLOR") else 3):
        raise ValueError(f"is a DICOM image of type {kind} with {samples} samples per pixel, which do not fit")
    # pydicom's decoders demand them
    dataset.SamplesPerPixel = samples
    dataset.PixelRepresentation = _element(dataset, "PixelRepresentation", int, 0)
    dataset.PlanarConfiguration = _element(dataset, "PlanarConfiguration", int, 0)
    height, width = (_element(dataset, side, int, 0) for side in ("Rows", "Columns"))
    check_size(height, width)
    _check_syntax(dataset, height, width)
    return kind


def _element(dataset: Any, keyword: str, kind: Callable[[Any], Any], default: Any) -> Any:
    try:
        value = dataset.get(keyword)
        return default if value is None or value == "" else kind(value)
    except Exception as error:
        raise ValueError(f"is a DICOM file whose element {keyword} cannot be read") from error


def _check_syntax(dataset: Any, height: int, width: int) -> None:
    from pydicom.encaps import generate_frames
    from pydicom.pixels import get_decoder

    syntax = dataset.file_meta.get("TransferSyntaxUID")
    try:
        available = syntax is not None and get_decoder(syntax).is_available
    except (NotImplementedError, TypeError, ValueError):
        # no such syntax, or no text
        available = False
    if not available:
        named = syntax if re.fullmatch(r"[\d.]{1,64}", str(syntax)) else "(none, or damaged)"
        raise ValueError(f"is a DICOM file in the transfer syntax {named}, for which no decoder is installed")
    if syntax.is_encapsulated:
        try:
            frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
        except Exception as error:
            raise _undecodable(_one_line(error)) from error
        size = codestream_size(frame)
        if size is not None and size != (height, width):
            raise ValueError(
                f"has compressed pixel data of {size[1]} x {size[0]} pixels, its header says {width} x {height}"
            )


def _decode(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    """The stored values, (H, W) or (H, W, 3) in RGB, and the words that hold them."""
    from pydicom.pixels import get_decoder
    from pydicom.uid import RLELossless

    syntax = dataset.file_meta.TransferSyntaxUID
    run_lengths = syntax == RLELossless
    plain = run_lengths or not syntax.is_encapsulated
    # pylibjpeg's decoder of run lengths panics on damaged ones, past every handler of exceptions
    plugin = "pydicom" if run_lengths else ""
    options: Any = {"correct_unused_bits": not plain}
    try:
        word, _ = get_decoder(syntax).as_array(dataset, decoding_plugin=plugin, **options)
    except Exception as error:
        raise _undecodable(_one_line(error)) from error
    shape = (int(dataset.Rows), int(dataset.Columns))
    if word.shape[:2] != shape or word.ndim > 3 or word.dtype.kind not in "iub":
        raise _undecodable(f"{word.shape} values in place of {shape}")
    return (_without_unused_bits(word, dataset) if plain else word), word


def _without_unused_bits(word: np.ndarray, dataset: Any) -> np.ndarray:
    """The values in the bits from HighBit down, sign and all (PS3.5 8.1.1); of native or RLE pixel data."""
    allocated, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
    # a HighBit below the depth cannot be meant
    high = max(_element(dataset, "HighBit", int, 0), stored - 1)
    if high >= allocated:
        raise _undecodable(f"HighBit {high} with BitsAllocated {allocated}")
    if allocated != 8 * word.itemsize or stored == allocated:
        return word
    return np.asarray((word << (allocated - 1 - high)) >> (allocated - stored))


def _luma(value: np.ndarray, dataset: Any) -> np.ndarray:
    """The luma (ITU-R BT.601, as of colour PNG) of RGB values, or of indices into a palette."""
    from PIL import Image
    from pydicom.pixels import apply_color_lut

    depth = int(dataset.BitsStored)
    if value.ndim == 2:
        try:
            value = apply_color_lut(value, dataset)
        except Exception as error:
            raise ValueError(
                f"is a DICOM image of type PALETTE COLOR whose palette cannot be read ({type(error).__name__})"
            ) from error
        depth = 8 * value.itemsize
    if depth == 8:
        return np.asarray(Image.fromarray(value.astype(np.uint8)).convert("L"))
    luma_HW = value.astype(np.float64) @ (0.299, 0.587, 0.114)
    return np.rint(luma_HW.clip(0) * (255 / (2**depth - 1))).clip(0, 255).astype(np.uint8)


def _undecodable(reason: str) -> ValueError:
    return ValueError(f"has pixel data that cannot be decoded ({reason})")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
