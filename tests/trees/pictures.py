"""What the made trees are made of: the phantom's studies, written as image files and as DICOM."""

from pathlib import Path

import cv2
import numpy as np

from src.data.phantom.source import PhantomSource, PhantomTable

SIZE = 160


def phantom_table(count: int, seed: int) -> PhantomTable:
    """``count`` studies; ``image(i)``, ``report(i)``, ``label_NF``, ``boxes(i)``, ``study(i)`` of each."""
    return PhantomSource(seed=seed, size=SIZE, train=count, val=0, test=0, prevalence=0.3).table("train")


def write_image(path: Path, image_HW: np.ndarray) -> None:
    """As the kind of file that the suffix names, in any case."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done, encoded = cv2.imencode(path.suffix.lower(), image_HW)
    assert done
    path.write_bytes(encoded.tobytes())


def write_dicom(path: Path, image_HW: np.ndarray, *, photometric: str = "MONOCHROME2", bits: int = 8) -> None:
    """An uncompressed DICOM whose picture looks like ``image_HW`` whatever its photometric interpretation."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.stem])
    dicom = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dicom.SOPClassUID, dicom.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dicom.Rows, dicom.Columns = image_HW.shape
    dicom.SamplesPerPixel, dicom.PixelRepresentation = 1, 0
    dicom.PhotometricInterpretation = photometric
    depth = 8 if bits == 8 else 16
    dicom.BitsAllocated, dicom.BitsStored, dicom.HighBit = depth, bits, bits - 1
    stored_HW = 255 - image_HW if photometric == "MONOCHROME1" else image_HW
    stored_HW = stored_HW.astype(np.uint16) << (bits - 8)
    dicom.PixelData = stored_HW.astype(np.uint8 if depth == 8 else "<u2").tobytes()
    dicom.save_as(path)
