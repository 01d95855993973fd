"""Padding, photometric interpretation and rescaling of grey DICOMs: each grey level by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from src.data.dicom_grey import DicomScale, scale_by_maximum
from src.data.image_io import ImageError
from tests.data.made_dicom import COLUMNS, ROWS, dicom, ramp, round_trip


def _framed(padding: int, *, low: int, high: int) -> np.ndarray:
    """A ramp from ``low`` to ``high`` in a frame of ``padding``."""
    value_HW = np.full((ROWS, COLUMNS), padding)
    value_HW[4:-4, 4:-4] = np.linspace(low, high, (ROWS - 8) * (COLUMNS - 8)).reshape(ROWS - 8, -1).astype(int)
    return value_HW


def _expected(value_HW: np.ndarray, low: int, high: int, *, inverted: bool) -> np.ndarray:
    grey_HW = np.rint((value_HW[4:-4, 4:-4] - low) * (255 / (high - low)))
    return np.pad(255 - grey_HW if inverted else grey_HW, 4)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("scale", ["maximum", "window"])
@pytest.mark.parametrize(
    ("padding", "vr", "signed", "bits"),
    [
        (-32768, "SS", True, 16),
        (32768, "US", True, 16),
        (65535, "US", False, 16),
        (-1, "SS", False, 16),
        (0, "US", False, 12),
    ],
)
def test_padding_is_black_and_no_part_of_the_range(
    tmp_path: Path, photometric: str, scale: DicomScale, padding: int, vr: str, signed: bool, bits: int
) -> None:
    # the element may have the VR of the other sign: the bits are meant
    stored = int(np.array(padding).astype(np.int16 if signed else np.uint16))
    value_HW = _framed(stored, low=0 if padding else 1, high=2000)
    dataset = dicom(value_HW, bits=bits, photometric=photometric, signed=signed)
    dataset.add_new("PixelPaddingValue", vr, padding)
    image_HW = round_trip(dataset, tmp_path, scale)
    low = 1 if scale == "window" and not padding else 0
    expected_HW = _expected(value_HW, low, 2000, inverted=photometric == "MONOCHROME1")
    np.testing.assert_array_equal(image_HW, expected_HW)


@pytest.mark.parametrize("ends", [(3000, 4095), (4095, 3000)])
def test_padding_may_be_a_range_given_from_either_end(tmp_path: Path, ends: tuple[int, int]) -> None:
    value_HW = _framed(3500, low=0, high=2000)
    value_HW[0, 0], value_HW[0, 1] = 3000, 4095
    dataset = dicom(value_HW)
    dataset.add_new("PixelPaddingValue", "US", ends[0])
    dataset.add_new("PixelPaddingRangeLimit", "US", ends[1])
    np.testing.assert_array_equal(round_trip(dataset, tmp_path), _expected(value_HW, 0, 2000, inverted=False))


def test_padding_in_bits_above_the_stored_ones_is_found(tmp_path: Path) -> None:
    value_HW = _framed(0xF800, low=0, high=4000)
    dataset = dicom(value_HW, bits=12)
    dataset.add_new("PixelPaddingValue", "US", 0xF800)
    np.testing.assert_array_equal(round_trip(dataset, tmp_path), _expected(value_HW, 0, 4000, inverted=False))


def test_padding_is_black_whatever_the_window_shows_there(tmp_path: Path) -> None:
    value_HW = _framed(4095, low=1000, high=2000)
    dataset = dicom(value_HW, WindowCenter=1500.5, WindowWidth=1001, RescaleSlope=1, RescaleIntercept=0)
    dataset.add_new("PixelPaddingValue", "US", 4095)
    difference_HW = round_trip(dataset, tmp_path, "window") - _expected(value_HW, 1000, 2000, inverted=False)
    assert np.abs(difference_HW).max() <= 1
    assert not difference_HW[value_HW == 4095].any()


def test_an_image_of_padding_alone_is_blank(tmp_path: Path) -> None:
    dataset = dicom(ramp(4095))
    dataset.add_new("PixelPaddingValue", "US", 0)
    dataset.add_new("PixelPaddingRangeLimit", "US", 4095)
    with pytest.raises(ImageError, match="blank: every pixel is padding"):
        round_trip(dataset, tmp_path)


@pytest.mark.parametrize("scale", ["maximum", "window"])
@pytest.mark.parametrize(
    ("photometric", "slope", "inverted"),
    [
        ("MONOCHROME2", 1, False),
        ("MONOCHROME2", -1, True),
        ("MONOCHROME1", 1, True),
        ("MONOCHROME1", -1, False),
    ],
)
def test_a_negative_slope_inverts_and_a_second_inversion_undoes_it(
    tmp_path: Path, scale: DicomScale, photometric: str, slope: int, inverted: bool
) -> None:
    dataset = dicom(ramp(4095), photometric=photometric, RescaleSlope=slope, RescaleIntercept=4095 if slope < 0 else 0)
    grey_HW = np.rint(ramp(4095) * (255 / 4095)).astype(np.uint8)
    image_HW = round_trip(dataset, tmp_path, scale).astype(int)
    assert np.abs(image_HW - (255 - grey_HW if inverted else grey_HW)).max() <= 1


@pytest.mark.parametrize("elements", [
    {"RescaleSlope": "", "RescaleIntercept": ""}, {"RescaleSlope": "1", "RescaleIntercept": ""},
    {"RescaleSlope": ""}, {"RescaleIntercept": ""}, {"RescaleIntercept": None}, {"PixelPaddingValue": None},
    {"WindowCenter": "", "WindowWidth": ""}, {"VOILUTFunction": ""}, {"ModalityLUTSequence": []},
    {"VOILUTSequence": []}, {"HighBit": None}, {"SamplesPerPixel": None}, {"PixelRepresentation": None},
    {"NumberOfFrames": ""},
])  # fmt: skip
@pytest.mark.parametrize("scale", ["maximum", "window"])
def test_a_blank_element_means_what_an_absent_one_means(
    tmp_path: Path, elements: dict[str, Any], scale: DicomScale
) -> None:
    if "PixelPaddingValue" in elements:
        dataset = dicom(ramp(4095))
        dataset.add_new("PixelPaddingValue", "US", None)
    else:
        dataset = dicom(ramp(4095), **elements)
    image_HW = round_trip(dataset, tmp_path, scale)
    np.testing.assert_array_equal(image_HW, np.rint(ramp(4095) * (255 / 4095)))


def test_values_of_32_bits_are_read(tmp_path: Path) -> None:
    value_HW = ramp(65535).astype(np.uint32) * 60_000
    dataset = dicom(value_HW, bits=32, BitsAllocated=32, PixelData=value_HW.astype("<u4").tobytes())
    for scale in ("maximum", "window"):
        image_HW = round_trip(dataset, tmp_path, scale).astype(int)
        assert np.abs(image_HW - np.rint(value_HW * (255 / value_HW.max()))).max() <= 1


def test_an_offset_above_half_the_maximum_is_taken_off_and_a_smaller_one_is_not() -> None:
    np.testing.assert_array_equal(scale_by_maximum(np.array([30000, 32000, 34000])), [0, 128, 255])
    np.testing.assert_array_equal(scale_by_maximum(np.array([1000, 2000, 4000])), [64, 128, 255])
    np.testing.assert_array_equal(scale_by_maximum(np.array([-1000, 0, 1000])), [0, 128, 255])
