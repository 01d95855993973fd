"""TIFF, PNG and JPEG of every depth, sign and orientation, against the numbers that were written."""

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from src.data.image_io import ImageError, read_image

HEIGHT, WIDTH = 40, 60
UNIT = np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
GREY = np.rint(255 * UNIT).astype(np.uint8)


def _read(path: Path) -> np.ndarray:
    return read_image(path, dicom_scale="maximum").astype(int)


def _tiff(path: Path, value_HW: np.ndarray, *, photometric: int = 1) -> Path:
    """A TIFF of one strip, uncompressed, little-endian, written tag by tag."""
    data = value_HW.tobytes()
    kind = {"u": 1, "i": 2, "f": 3}[value_HW.dtype.kind]
    tags = [(256, 4, value_HW.shape[1]), (257, 4, value_HW.shape[0]), (258, 3, 8 * value_HW.itemsize), (259, 3, 1)]
    tags += [(262, 3, photometric), (273, 4, 8), (277, 3, 1), (278, 4, value_HW.shape[0]), (279, 4, len(data))]
    tags += [(339, 3, kind)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, of, 1, n) for tag, of, n in tags)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + bytes(4))
    return path


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_white_is_zero_is_inverted_at_every_depth(tmp_path: Path, dtype: str) -> None:
    value_HW = (UNIT * {"u1": 255, "u2": 4095, "f4": 0.5}[dtype]).astype(f"<{dtype}")
    black, white = (_read(_tiff(tmp_path / f"{n}.tif", value_HW, photometric=n)) for n in (1, 0))
    np.testing.assert_array_equal(white, 255 - black)
    assert (black[0, 0], black[-1, -1]) == (0, 255)


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("u2", 0, 4095), ("u2", 30000, 34000), ("i2", -2000, 2000), ("i1", -100, 100), ("u4", 0, 2**32 - 1),
     ("i4", -(2**31), 2**31 - 1), ("f4", -0.5, 0.5), ("f4", 0, 1e-3), ("f4", 0, 1e30)],
)  # fmt: skip
def test_numbers_of_any_type_fill_the_range(tmp_path: Path, dtype: str, low: float, high: float) -> None:
    value_HW = (low + UNIT * (high - low)).astype(f"<{dtype}")
    expected_HW = 255 * (value_HW.astype(float) - low) / (high - low)
    assert np.abs(_read(_tiff(tmp_path / "a.tif", value_HW)) - expected_HW).max() <= 0.51


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_number_are_black_and_no_part_of_the_range(
    tmp_path: Path, odd: float, photometric: int
) -> None:
    value_HW = UNIT.astype("<f4")
    value_HW[5:9, 7] = odd
    image_HW = _read(_tiff(tmp_path / "a.tif", value_HW, photometric=photometric))
    assert not image_HW[5:9, 7].any()
    value_HW[5:9, 7] = 0
    expected_HW = _read(_tiff(tmp_path / "b.tif", value_HW, photometric=photometric))
    expected_HW[5:9, 7] = 0
    np.testing.assert_array_equal(image_HW, expected_HW)


def test_an_offset_png_keeps_its_grey_levels(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), (30000 + 4000 * UNIT).astype(np.uint16))
    assert len(np.unique(_read(tmp_path / "a.png"))) == 256


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_colour_of_twelve_bits_in_sixteen_keeps_its_grey_levels(tmp_path: Path, channels: int, suffix: str) -> None:
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), np.dstack([(4095 * UNIT).astype(np.uint16)] * channels))
    assert np.abs(_read(tmp_path / f"a.{suffix}") - 255 * UNIT).max() <= 1


_UPRIGHT = {
    1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
    5: lambda a: a.T, 6: lambda a: np.rot90(a, -1), 7: lambda a: a[::-1, ::-1].T, 8: lambda a: np.rot90(a),
}  # fmt: skip


@pytest.mark.parametrize("orientation", _UPRIGHT)
@pytest.mark.parametrize("kind", ["tif", "lzw", "png", "jpg"])
@pytest.mark.parametrize("deep", [False, True])
def test_images_are_turned_upright(tmp_path: Path, orientation: int, kind: str, deep: bool) -> None:
    if deep and kind == "jpg":
        deep = False
    image = Image.fromarray((UNIT * 65535).astype(np.uint16) if deep else GREY)
    path = tmp_path / f"a.{'tif' if kind == 'lzw' else kind}"
    exif = Image.Exif()
    exif[274] = orientation
    tiff: dict[str, Any] = {"tiffinfo": {274: orientation}, "compression": "tiff_lzw" if kind == "lzw" else None}
    image.save(path, **(tiff if path.suffix == ".tif" else {"exif": exif, "quality": 98}))
    difference_HW = _read(path) - _UPRIGHT[orientation](GREY.astype(int))
    assert np.abs(difference_HW).max() <= (3 if kind == "jpg" else 1)


def test_cmyk_jpeg_and_one_bit_images_have_their_tone(tmp_path: Path) -> None:
    Image.fromarray(GREY).convert("CMYK").save(tmp_path / "a.jpg", quality=98)
    assert np.abs(_read(tmp_path / "a.jpg") - GREY).max() <= 4
    bit_HW = GREY > 99
    for suffix in ("png", "tif", "bmp"):
        Image.fromarray(bit_HW).save(tmp_path / f"b.{suffix}")
        np.testing.assert_array_equal(_read(tmp_path / f"b.{suffix}"), 255 * bit_HW)


def test_a_thumbnail_is_no_page_and_a_second_image_is(tmp_path: Path) -> None:
    page = Image.fromarray(GREY)
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page.transpose(Image.Transpose.ROTATE_180)])
    with pytest.raises(ImageError, match=r"a\.tif is a TIFF of several pages; save one page as a file"):
        _read(tmp_path / "a.tif")
    small = page.resize((15, 10))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    page.save(tmp_path / "b.tif", save_all=True, append_images=[small])
    np.testing.assert_array_equal(_read(tmp_path / "b.tif"), GREY)


def test_what_is_not_read_is_said_in_one_sentence(tmp_path: Path) -> None:
    from PIL import ImageCms

    _tiff(tmp_path / "double.tif", UNIT.astype("<f8"))
    _tiff(tmp_path / "nan.tif", np.full((HEIGHT, WIDTH), np.nan, "<f4"))
    lab = ImageCms.profileToProfile(
        Image.fromarray(GREY).convert("RGB"),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    lab.save(tmp_path / "lab.tif")
    for name, reason in (
        ("double.tif", "of a kind that is not read; save it as PNG of 8 or 16 bits"),
        ("nan.tif", "has no pixel that is a finite number"),
        ("lab.tif", "is a colour image of the kind LAB; save it as grey or RGB"),
    ):
        with pytest.raises(ImageError, match=reason):
            _read(tmp_path / name)
