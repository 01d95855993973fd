"""The size that a compressed image states, against the files of three coders."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames

from src.data.codestream import codestream_size

IMAGE = np.random.default_rng(0).integers(0, 255, (37, 53), dtype=np.uint8)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"comment": b"x" * 3000}])
def test_jpeg(options: dict[str, object]) -> None:
    buffer = io.BytesIO()
    Image.fromarray(IMAGE).save(buffer, "JPEG", **options)
    assert codestream_size(buffer.getvalue()) == (37, 53)


def test_jpeg_2000() -> None:
    buffer = io.BytesIO()
    Image.fromarray(IMAGE).save(buffer, "JPEG2000")
    assert codestream_size(buffer.getvalue()) == (37, 53)
    assert codestream_size(buffer.getvalue()[buffer.getvalue().find(b"\xff\x4f\xff\x51") :]) == (37, 53)


def test_jpeg_ls() -> None:
    dataset = dcmread(get_testdata_file("MR_small_jpeg_ls_lossless.dcm", download=False))
    assert codestream_size(next(generate_frames(dataset.PixelData, number_of_frames=1))) == (64, 64)


def test_no_codestream_and_a_cut_one_state_no_size() -> None:
    whole = cv2.imencode(".jpg", IMAGE)[1].tobytes()
    assert codestream_size(b"") is None
    assert codestream_size(whole[:20]) is None
    assert codestream_size(b"\xff\xd8" + b"\xff" * 50) is None
    assert codestream_size(IMAGE.tobytes()) is None
