"""Windows and look-up tables by the formulas of DICOM PS3.3 C.11, written down again in plain Python."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from src.data.dicom_voi import apply_window
from src.data.image_io import ImageError
from tests.data.made_dicom import COLUMNS, ROWS, dicom, lut, ramp, round_trip


def _standard(x: float, c: float, w: float, function: str) -> float:
    """C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2, with an output from 0 to 1."""
    if function == "SIGMOID":
        return 1 / (1 + math.exp(min(-4 * (x - c) / w, 700)))
    if function == "LINEAR_EXACT":
        if x <= c - w / 2:
            return 0
        return 1 if x > c + w / 2 else (x - c) / w + 0.5
    if x <= c - 0.5 - (w - 1) / 2:
        return 0
    return 1 if x > c - 0.5 + (w - 1) / 2 else (x - (c - 0.5)) / (w - 1) + 0.5


@pytest.mark.parametrize(
    ("function", "centre", "width"),
    [
        ("LINEAR", 2000, 1000), ("LINEAR", 2000.5, 1.5), ("LINEAR", 2000, 1), ("LINEAR", -500, 6000),
        ("LINEAR_EXACT", 2000, 1000), ("LINEAR_EXACT", 2000, 0.5), ("LINEAR_EXACT", 2000.25, 1),
        ("SIGMOID", 2000, 1000), ("SIGMOID", 2000, 0.25), ("SIGMOID", 2000, 50_000),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (0.75, 200), (-2, 4095)])
def test_each_value_is_what_the_standard_says(
    tmp_path: Path, function: str, centre: float, width: float, slope: float, intercept: float
) -> None:
    value_HW = ramp(4095)
    elements = {"WindowCenter": centre, "WindowWidth": width, "RescaleSlope": slope, "RescaleIntercept": intercept}
    expected = [255 * _standard(slope * int(x) + intercept, centre, width, function) for x in value_HW.ravel()]
    if len({round(level) for level in expected}) == 1:
        pytest.fail("the case shows one grey level")
    image_HW = round_trip(dicom(value_HW, VOILUTFunction=function, **elements), tmp_path, "window")
    assert np.abs(image_HW.ravel() - np.array(expected)).max() <= 0.5 + 1e-9


def test_a_sigmoid_far_from_its_centre_does_not_overflow() -> None:
    with np.errstate(all="raise"):
        np.testing.assert_allclose(apply_window(np.array([-1e9, 1e9]), 0, 1e-3, "SIGMOID"), [0, 1], atol=1e-12)


@pytest.mark.parametrize(
    "elements",
    [
        {"WindowCenter": 0, "WindowWidth": 0},
        {"WindowCenter": 2000, "WindowWidth": -500},
        {"WindowCenter": 2000, "WindowWidth": 0.5},
        {"WindowCenter": 2000, "WindowWidth": 0, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 2000},
        {"WindowWidth": 2000},
    ],
)
def test_a_window_that_the_standard_forbids_is_none(tmp_path: Path, elements: dict[str, Any]) -> None:
    image_HW = round_trip(dicom(ramp(4095), **elements), tmp_path, "window")
    np.testing.assert_array_equal(image_HW, np.rint(ramp(4095) * (255 / 4095)))


def test_the_first_valid_window_is_used(tmp_path: Path) -> None:
    several = dicom(ramp(4095), WindowCenter=[0, 2000, 50], WindowWidth=[0, 1000, 10])
    alone = dicom(ramp(4095), WindowCenter=2000, WindowWidth=1000)
    np.testing.assert_array_equal(round_trip(several, tmp_path, "window"), round_trip(alone, tmp_path, "window"))


@pytest.mark.parametrize(("signed", "first"), [(False, 1000), (True, -1000)])
def test_a_voi_lut_maps_each_value_and_its_ends_the_rest(tmp_path: Path, signed: bool, first: int) -> None:
    value_HW = ramp(4095).astype(int) - (2048 if signed else 0)
    table_N = (np.linspace(0, 1, 1500) ** 2 * 4095).astype(int)
    dataset = dicom(value_HW, signed=signed, VOILUTSequence=[lut(table_N, first=first % 65536)])
    dataset.WindowCenter, dataset.WindowWidth = 0, 10
    expected_HW = table_N[(value_HW - first).clip(0, 1499)] * (255 / 4095)
    assert np.abs(round_trip(dataset, tmp_path, "window") - expected_HW).max() <= 0.5


def test_a_modality_lut_comes_before_the_window_and_in_place_of_the_rescaling(tmp_path: Path) -> None:
    table_N = np.arange(4096)[::-1] * 2
    dataset = dicom(ramp(4095), ModalityLUTSequence=[lut(table_N)], WindowCenter=4000, WindowWidth=3000)
    expected_HW = np.array([255 * _standard(8190 - 2 * int(x), 4000, 3000, "LINEAR") for x in ramp(4095).ravel()])
    image_HW = round_trip(dataset, tmp_path, "window")
    assert np.abs(image_HW.ravel() - expected_HW).max() <= 0.5 + 1e-9


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"ModalityLUTSequence": [Dataset()]}, "Modality LUT that cannot"),
        (
            {"VOILUTSequence": [lut(np.arange(100), count=4096)]},
            "VOI LUT of 100 entries where its LUTDescriptor says 4096",
        ),
        ({"VOILUTSequence": [lut(np.full(4096, 7))]}, "one grey level in its VOI LUT"),
        ({"WindowCenter": 9000, "WindowWidth": 100}, r"window \(centre 9000, width 100\), its values are 0 to 4095"),
        ({"VOILUTFunction": "CUBIC", "WindowCenter": 9, "WindowWidth": 9}, "none of LINEAR, LINEAR_EXACT, SIGMOID"),
        ({"RescaleSlope": 0, "RescaleIntercept": 5}, "one value after its modality LUT"),
    ],
)
def test_what_cannot_be_windowed_is_refused_and_the_advice_helps(
    tmp_path: Path, elements: dict[str, Any], reason: str
) -> None:
    dataset = dicom(ramp(4095), **elements)
    with pytest.raises(ImageError, match=reason) as caught:
        round_trip(dataset, tmp_path, "window")
    assert "set dataset.dicom_scale=maximum" in str(caught.value)
    assert round_trip(dataset, tmp_path, "maximum").shape == (ROWS, COLUMNS)
