"""DICOM files: grey levels of both photometric kinds, windows, compression, and what is refused."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset
from pydicom.uid import JPEG2000Lossless, RLELossless

from src.data.image_io import ImageError, read_image
from tests.data.made_dicom import COLUMNS, ROWS, dicom, ramp, round_trip


@pytest.mark.parametrize("bits", [12, 14, 15, 16])
def test_values_over_their_maximum(tmp_path: Path, bits: int) -> None:
    top = 2**bits - 1
    image_HW = round_trip(dicom(ramp(top), bits=bits), tmp_path)
    assert np.abs(image_HW - ramp(top) * (255 / top)).max() <= 0.5


def test_the_brightest_value_becomes_255_whatever_the_depth(tmp_path: Path) -> None:
    assert round_trip(dicom(ramp(1000)), tmp_path).max() == 255


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    plain_HW = round_trip(dicom(ramp(4095)), tmp_path)
    inverted_HW = round_trip(dicom(ramp(4095), photometric="MONOCHROME1"), tmp_path)
    np.testing.assert_array_equal(inverted_HW, 255 - plain_HW)


def test_negative_values_are_darkest(tmp_path: Path) -> None:
    value_HW = ramp(2000).astype(np.int16) - 1000
    image_HW = round_trip(dicom(value_HW, signed=True), tmp_path)
    assert image_HW[0, 0] == 0
    assert (np.diff(image_HW.ravel().astype(int)) >= 0).all()


def test_the_window_of_the_file(tmp_path: Path) -> None:
    dataset = dicom(ramp(4095))
    dataset.WindowCenter, dataset.WindowWidth = [2000, 50], [1000, 10]
    image_HW = round_trip(dataset, tmp_path, "window")
    assert (image_HW[ramp(4095) <= 1500] == 0).all()
    assert (image_HW[ramp(4095) >= 2500] == 255).all()
    middle_HW = np.abs(ramp(4095).astype(int) - 2000) <= 2
    assert np.abs(image_HW[middle_HW].astype(int) - 128).max() <= 1


def test_without_a_window_the_whole_range_is_shown(tmp_path: Path) -> None:
    image_HW = round_trip(dicom(ramp(1000) + 500), tmp_path, "window")
    assert (image_HW.min(), image_HW.max()) == (0, 255)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless], ids=["rle", "jpeg-2000"])
def test_compressed_files(tmp_path: Path, syntax: str) -> None:
    plain_HW = round_trip(dicom(ramp(4095)), tmp_path)
    dataset = dicom(ramp(4095))
    dataset.compress(syntax, generate_instance_uid=False)
    np.testing.assert_array_equal(round_trip(dataset, tmp_path), plain_HW)


def test_jpeg_ls() -> None:
    plain, compressed = (
        get_testdata_file(name, download=False) for name in ("MR_small.dcm", "MR_small_jpeg_ls_lossless.dcm")
    )
    np.testing.assert_array_equal(
        read_image(compressed, dicom_scale="maximum"), read_image(plain, dicom_scale="maximum")
    )


def test_the_published_scaling_of_real_files(shared_dir: Path) -> None:
    import cv2

    for path in sorted((shared_dir / "data/dicom").glob("*.dcm")):
        dataset = pydicom.dcmread(path)
        stored_HW = dataset.pixel_array
        expected_HW = cv2.convertScaleAbs(stored_HW, alpha=255.0 / stored_HW.max())
        if dataset.PhotometricInterpretation == "MONOCHROME1":
            expected_HW = cv2.bitwise_not(expected_HW)
        np.testing.assert_array_equal(read_image(path, dicom_scale="maximum"), expected_HW)


def test_a_real_file_and_its_retagged_copy_are_negatives(shared_dir: Path) -> None:
    folder = shared_dir / "data/dicom"
    (original,) = folder.glob("1.2.276*.dcm")
    original_HW = read_image(original, dicom_scale="maximum")
    retagged_HW = read_image(folder / "Fake_MONOHR1.dcm", dicom_scale="maximum")
    np.testing.assert_array_equal(retagged_HW, 255 - original_HW)


def test_the_lungs_of_a_real_monochrome1_file_are_dark(shared_dir: Path) -> None:
    image_HW = read_image(shared_dir / "data/dicom/RG1_UNCR.dcm", dicom_scale="window")
    stored_HW = pydicom.dcmread(shared_dir / "data/dicom/RG1_UNCR.dcm").pixel_array
    assert np.corrcoef(image_HW[::20, ::20].ravel(), stored_HW[::20, ::20].ravel())[0, 1] < -0.9


def _spoil(dataset: FileDataset, kind: str) -> None:
    if kind == "no pixels":
        del dataset.PixelData
    elif kind == "unknown syntax":
        dataset.file_meta.TransferSyntaxUID = "1.2.3.4.5"
    elif kind == "frames":
        dataset.NumberOfFrames = 3
        dataset.PixelData *= 3
    elif kind == "cut pixels":
        dataset.PixelData = dataset.PixelData[:100]
    elif kind == "colour":
        dataset.PhotometricInterpretation = "PALETTE COLOR"
    elif kind == "huge":
        dataset.Rows, dataset.Columns = 20_000, 20_000
    elif kind == "no rows":
        del dataset.Rows


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("no pixels", "without pixel data"),
        ("unknown syntax", r"transfer syntax 1\.2\.3\.4\.5"),
        ("frames", "of 3 frames"),
        ("cut pixels", "cannot be decoded"),
        ("colour", "PALETTE COLOR"),
        ("huge", "80 megapixels"),
        ("no rows", "without the element Rows"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, kind: str, reason: str) -> None:
    dataset = dicom(ramp(4095))
    _spoil(dataset, kind)
    dataset.save_as(tmp_path / "a.dcm", implicit_vr=False, little_endian=True)
    with pytest.raises(ImageError, match=reason) as caught:
        read_image(tmp_path / "a.dcm", dicom_scale="maximum")
    assert str(caught.value).startswith("a.dcm ")


def test_a_blank_dicom_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="blank"):
        round_trip(dicom(np.full((ROWS, COLUMNS), 9)), tmp_path)


def test_a_file_cut_off_in_its_header_is_refused(tmp_path: Path) -> None:
    dicom(ramp(4095)).save_as(tmp_path / "b.dcm")
    (tmp_path / "a.dcm").write_bytes((tmp_path / "b.dcm").read_bytes()[:150])
    with pytest.raises(ImageError, match=r"a\.dcm"):
        read_image(tmp_path / "a.dcm", dicom_scale="maximum")


def test_only_the_bits_from_high_bit_down_are_the_value(tmp_path: Path) -> None:
    value_HW = ramp(4095)
    plain_HW = round_trip(dicom(value_HW), tmp_path)
    # an overlay in the unused upper bits; then values that lie at the top of their words, with noise below
    overlaid = dicom(value_HW | 0x5000)
    shifted = dicom(value_HW << 4 | 0x9, HighBit=15)
    for dataset in (overlaid, shifted):
        np.testing.assert_array_equal(round_trip(dataset, tmp_path), plain_HW)


def test_signed_values_of_twelve_bits_need_no_sign_in_the_upper_bits(tmp_path: Path) -> None:
    value_HW = ramp(4095).astype(np.int16) - 2048
    extended_HW = round_trip(dicom(value_HW, signed=True), tmp_path)
    np.testing.assert_array_equal(round_trip(dicom(value_HW & 0x0FFF, signed=True), tmp_path), extended_HW)
    np.testing.assert_array_equal(round_trip(dicom(value_HW << 4, signed=True, HighBit=15), tmp_path), extended_HW)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("kind", ["RGB", "YBR_FULL"])
def test_colour_becomes_the_luma_that_a_colour_png_has(tmp_path: Path, kind: str, planar: int) -> None:
    from PIL import Image

    rgb_HW3 = np.random.default_rng(0).integers(0, 256, (ROWS, COLUMNS, 3), dtype=np.uint8)
    stored_HW3 = rgb_HW3 if kind == "RGB" else np.asarray(Image.fromarray(rgb_HW3).convert("YCbCr"))
    dataset = dicom(rgb_HW3[..., 0], bits=8, photometric=kind, SamplesPerPixel=3, PlanarConfiguration=planar)
    dataset.BitsAllocated = 8
    dataset.PixelData = (stored_HW3.transpose(2, 0, 1) if planar else stored_HW3).tobytes()
    expected_HW = np.asarray(Image.fromarray(rgb_HW3).convert("L")).astype(int)
    assert np.abs(round_trip(dataset, tmp_path, "window") - expected_HW).max() <= (0 if kind == "RGB" else 2)


def test_palette_colour_is_looked_up(tmp_path: Path) -> None:
    index_HW = ramp(255).astype(np.uint8)
    dataset = dicom(index_HW, bits=8, photometric="PALETTE COLOR", BitsAllocated=8, PixelData=index_HW.tobytes())
    for colour in ("Red", "Green", "Blue"):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        table = np.arange(65535, -1, -257).astype("<u2").tobytes()
        dataset.add_new(f"{colour}PaletteColorLookupTableData", "OW", table)
    np.testing.assert_array_equal(round_trip(dataset, tmp_path), 255 - index_HW)


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"PhotometricInterpretation": "RGB"}, "RGB with 1 samples per pixel"),
        ({"SamplesPerPixel": 3}, "MONOCHROME2 with 3 samples per pixel"),
        ({"PhotometricInterpretation": "YBR_PARTIAL_420"}, "export it as MONOCHROME2 or RGB"),
        ({"HighBit": 16}, "cannot be decoded"),
        ({"Rows": 65535, "Columns": 65535}, "80 megapixels"),
        ({"Rows": 8000, "Columns": 8000}, "cannot be decoded"),
        ({"BitsAllocated": 13}, "cannot be decoded"),
    ],
)
def test_elements_that_do_not_fit_are_named(tmp_path: Path, elements: dict[str, object], reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        round_trip(dicom(ramp(4095), **elements), tmp_path)


def test_a_codestream_of_another_size_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    dataset = dicom(ramp(4095))
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    start = dataset.PixelData.find(b"\xff\x4f\xff\x51")
    # the width in the codestream's own header: 60,000 columns would take gigabytes
    dataset.PixelData = dataset.PixelData[: start + 8] + b"\0\0\xea\x60" + dataset.PixelData[start + 12 :]
    with pytest.raises(ImageError, match="compressed pixel data of 60000 x 32 pixels, its header says 48 x 32"):
        round_trip(dataset, tmp_path)
