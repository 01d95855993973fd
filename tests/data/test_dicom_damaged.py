"""Damaged DICOMs: bits flipped, files cut, headers overwritten. Each is read or refused in one sentence."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import JPEG2000Lossless, RLELossless

from src.data.dicom_voi import number
from src.data.image_io import ImageError, read_image
from tests.data.made_dicom import dicom, lut, ramp

_HEADER = range(132, 1400)
_EACH = 80


def _rich(syntax: str | None) -> bytes:
    """A file with everything that is read: windows, tables, rescaling, padding; and a patient's name."""
    dataset = dicom(ramp(4095), PatientName="SECRET^JANE", PatientID="SECRET-17")
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = [2000, 50], [1000, 10], "SIGMOID"
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
    dataset.add_new("PixelPaddingValue", "US", 0)
    dataset.add_new("PixelPaddingRangeLimit", "US", 10)
    if syntax is None:
        dataset.VOILUTSequence = [lut(np.arange(0, 65536, 256))]
    else:
        dataset.compress(syntax, generate_instance_uid=False)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def _bytes(name: str) -> bytes:
    made = {"native": None, "rle": RLELossless, "jpeg-2000": JPEG2000Lossless}
    return _rich(made[name]) if name in made else Path(str(get_testdata_file(name, download=False))).read_bytes()


def _damaged(content: bytes, draw: np.random.Generator) -> bytes:
    damaged, kind = bytearray(content), draw.integers(4)
    header = range(_HEADER.start, min(_HEADER.stop, len(content)))
    if kind == 0:
        return content[: draw.integers(133, len(content))]
    if kind == 1:
        start, count = int(draw.choice(header)), int(draw.integers(1, 8))
        damaged[start : start + count] = draw.bytes(count)
        return bytes(damaged)
    for place in draw.choice(header if kind == 2 else range(132, len(content)), draw.integers(1, 4)):
        damaged[place] ^= 1 << int(draw.integers(8))
    return bytes(damaged)


@pytest.mark.parametrize(
    "name",
    ["native", "rle", "jpeg-2000", "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_rle.dcm",
     "MR_small_RLE.dcm", "MR_small_bigendian.dcm"],
)  # fmt: skip
def test_a_damaged_file_is_read_or_refused_in_one_sentence(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    content, draw = _bytes(name), np.random.default_rng(15)
    path = tmp_path / "a.dcm"
    sentences = []
    for turn in range(_EACH):
        path.write_bytes(_damaged(content, draw))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                image_HW = read_image(path, dicom_scale="window" if turn % 2 else "maximum")
                assert (image_HW.ndim, image_HW.dtype) == (2, np.uint8)
            except ImageError as error:
                sentences.append(str(error))
    assert 10 < len(sentences) < _EACH
    assert all(sentence.startswith("a.dcm ") and "\n" not in sentence for sentence in sentences)
    printed = capfd.readouterr()
    assert "SECRET" not in "".join(sentences) + printed.out + printed.err + caplog.text
    assert "panicked" not in printed.err
    # openjpeg's writer, by which the file was made, logs its progress
    assert not [record for record in caplog.records if record.name != "openjpeg.encode"]


def test_the_header_s_values_are_quoted_by_no_error() -> None:
    dataset = dicom(ramp(4095), RescaleIntercept=0)
    dataset["RescaleIntercept"]._value = "SECRET^JANE"
    with pytest.raises(ValueError, match="RescaleIntercept that is no number") as caught:
        number(dataset, "RescaleIntercept")
    assert "SECRET" not in str(caught.value)
