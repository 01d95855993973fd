"""DICOM files: grey levels of both photometric kinds, windows, compression, and what is refused."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from src.data.dicom_io import DicomScale
from src.data.image_io import ImageError, read_image

ROWS, COLUMNS = 32, 48


def _dicom(
    value_HW: np.ndarray, *, bits: int = 12, photometric: str = "MONOCHROME2", signed: bool = False
) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["test"])
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Rows, dataset.Columns = value_HW.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, bits, bits - 1
    dataset.PixelRepresentation = int(signed)
    dataset.PixelData = value_HW.astype("<i2" if signed else "<u2").tobytes()
    return dataset


def _ramp(top: int) -> np.ndarray:
    return np.linspace(0, top, ROWS * COLUMNS).reshape(ROWS, COLUMNS).astype(np.uint16)


def _round_trip(dataset: FileDataset, folder: Path, scale: DicomScale = "maximum") -> np.ndarray:
    dataset.save_as(folder / "a.dcm")
    return read_image(folder / "a.dcm", dicom_scale=scale)


@pytest.mark.parametrize("bits", [12, 14, 15, 16])
def test_values_over_their_maximum(tmp_path: Path, bits: int) -> None:
    top = 2**bits - 1
    image_HW = _round_trip(_dicom(_ramp(top), bits=bits), tmp_path)
    assert np.abs(image_HW - _ramp(top) * (255 / top)).max() <= 0.5


def test_the_brightest_value_becomes_255_whatever_the_depth(tmp_path: Path) -> None:
    assert _round_trip(_dicom(_ramp(1000)), tmp_path).max() == 255


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    plain_HW = _round_trip(_dicom(_ramp(4095)), tmp_path)
    inverted_HW = _round_trip(_dicom(_ramp(4095), photometric="MONOCHROME1"), tmp_path)
    np.testing.assert_array_equal(inverted_HW, 255 - plain_HW)


def test_negative_values_are_darkest(tmp_path: Path) -> None:
    value_HW = _ramp(2000).astype(np.int16) - 1000
    image_HW = _round_trip(_dicom(value_HW, signed=True), tmp_path)
    assert image_HW[0, 0] == 0
    assert (np.diff(image_HW.ravel().astype(int)) >= 0).all()


def test_the_window_of_the_file(tmp_path: Path) -> None:
    dataset = _dicom(_ramp(4095))
    dataset.WindowCenter, dataset.WindowWidth = [2000, 50], [1000, 10]
    image_HW = _round_trip(dataset, tmp_path, "window")
    assert (image_HW[_ramp(4095) <= 1500] == 0).all()
    assert (image_HW[_ramp(4095) >= 2500] == 255).all()
    middle_HW = np.abs(_ramp(4095).astype(int) - 2000) <= 2
    assert np.abs(image_HW[middle_HW].astype(int) - 128).max() <= 1


def test_without_a_window_the_whole_range_is_shown(tmp_path: Path) -> None:
    image_HW = _round_trip(_dicom(_ramp(1000) + 500), tmp_path, "window")
    assert (image_HW.min(), image_HW.max()) == (0, 255)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless], ids=["rle", "jpeg-2000"])
def test_compressed_files(tmp_path: Path, syntax: str) -> None:
    plain_HW = _round_trip(_dicom(_ramp(4095)), tmp_path)
    dataset = _dicom(_ramp(4095))
    dataset.compress(syntax, generate_instance_uid=False)
    np.testing.assert_array_equal(_round_trip(dataset, tmp_path), plain_HW)


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
    dataset = _dicom(_ramp(4095))
    _spoil(dataset, kind)
    dataset.save_as(tmp_path / "a.dcm", implicit_vr=False, little_endian=True)
    with pytest.raises(ImageError, match=reason) as caught:
        read_image(tmp_path / "a.dcm", dicom_scale="maximum")
    assert str(caught.value).startswith("a.dcm ")


def test_a_blank_dicom_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="blank"):
        _round_trip(_dicom(np.full((ROWS, COLUMNS), 9)), tmp_path)


def test_a_file_cut_off_in_its_header_is_refused(tmp_path: Path) -> None:
    _dicom(_ramp(4095)).save_as(tmp_path / "b.dcm")
    (tmp_path / "a.dcm").write_bytes((tmp_path / "b.dcm").read_bytes()[:150])
    with pytest.raises(ImageError, match=r"a\.dcm"):
        read_image(tmp_path / "a.dcm", dicom_scale="maximum")
