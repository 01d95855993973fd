"""Small DICOM files made for a test."""

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from src.data.dicom_grey import DicomScale
from src.data.image_io import read_image

ROWS, COLUMNS = 32, 48


def dicom(
    value_HW: np.ndarray, *, bits: int = 12, photometric: str = "MONOCHROME2", signed: bool = False, **elements: Any
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
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def ramp(top: int) -> np.ndarray:
    return np.linspace(0, top, ROWS * COLUMNS).reshape(ROWS, COLUMNS).astype(np.uint16)


def round_trip(dataset: FileDataset, folder: Path, scale: DicomScale = "maximum") -> np.ndarray:
    dataset.save_as(folder / "a.dcm")
    return read_image(folder / "a.dcm", dicom_scale=scale)


def lut(entries: np.ndarray, *, first: int = 0, bits: int = 16, count: int | None = None) -> Dataset:
    """An item of a LUT sequence, whose descriptor says ``count`` entries, or as many as there are."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) if count is None else count, first, bits])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return item
