"""Pictures of every kind that is read, and every kind that is refused, as real files."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from src.data.image_io import ImageError, check_size, read_image
from src.data.picture_io import read_picture

HEIGHT, WIDTH = 40, 60


@pytest.fixture
def ramp() -> np.ndarray:
    ramp_HW = np.linspace(0, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    return ramp_HW.astype(np.uint8)


def _read(path: Path) -> np.ndarray:
    image_HW = read_image(path, dicom_scale="maximum")
    assert image_HW.dtype == np.uint8
    return image_HW


def test_grey_png_is_read_to_the_bit(tmp_path: Path, ramp: np.ndarray) -> None:
    Image.fromarray(ramp).save(tmp_path / "a.png")
    np.testing.assert_array_equal(_read(tmp_path / "a.png"), ramp)


def test_the_content_decides_not_the_name(tmp_path: Path, ramp: np.ndarray) -> None:
    Image.fromarray(ramp).save(tmp_path / "a.jpg", format="PNG")
    np.testing.assert_array_equal(_read(tmp_path / "a.jpg"), ramp)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK"])
def test_colour_and_alpha_become_grey(tmp_path: Path, ramp: np.ndarray, mode: str) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    Image.fromarray(ramp).convert(mode).save(tmp_path / f"a.{suffix}")
    assert np.abs(_read(tmp_path / f"a.{suffix}").astype(int) - ramp).max() <= 1


def test_transparency_is_ignored(tmp_path: Path, ramp: np.ndarray) -> None:
    rgba_HW4 = np.dstack([ramp, ramp, ramp, np.full_like(ramp, 10)])
    Image.fromarray(rgba_HW4).save(tmp_path / "a.png")
    assert np.abs(_read(tmp_path / "a.png").astype(int) - ramp).max() <= 1


@pytest.mark.parametrize("top", [4095, 65535])
def test_deep_grey_png_is_scaled_by_its_maximum(tmp_path: Path, top: int) -> None:
    deep_HW = np.linspace(0, top, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), deep_HW)
    np.testing.assert_array_equal(_read(tmp_path / "a.png"), cv2.convertScaleAbs(deep_HW, alpha=255 / deep_HW.max()))


@pytest.mark.parametrize("colour", [False, True])
def test_jpeg_is_what_opencv_reads_as_grey(tmp_path: Path, ramp: np.ndarray, colour: bool) -> None:
    image = np.dstack([ramp, ramp[::-1], ramp[:, ::-1]]) if colour else ramp
    path = tmp_path / "a.jpg"
    Image.fromarray(image).save(path, quality=90)
    np.testing.assert_array_equal(_read(path), cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


def test_real_radiographs_are_what_opencv_reads_as_grey(shared_dir: Path) -> None:
    for path in sorted((shared_dir / "data/cohen_cxr/images").iterdir())[::15]:
        np.testing.assert_array_equal(_read(path), cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


def _png_header_only(path: Path, width: int, height: int) -> None:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


def _make_bad(path: Path, kind: str) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("this is no image, although it is called one")
    elif kind in ("cut png", "cut jpeg", "jpeg without its end"):
        Image.fromarray(picture).save(path, format="PNG" if kind == "cut png" else "JPEG")
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 2 // 3] if kind.startswith("cut") else content[:-30])
    elif kind == "tiny":
        Image.fromarray(picture[:1, :1]).save(path, format="PNG")
    elif kind == "blank":
        Image.fromarray(np.full((200, 200), 7, np.uint8)).save(path, format="PNG")
    elif kind == "strip":
        Image.fromarray(np.resize(picture, (40, 20_000))).save(path, format="PNG")
    elif kind == "huge":
        _png_header_only(path, 20_000, 20_000)
    elif kind == "large":
        _png_header_only(path, 20_000, 5_000)
    elif kind == "above ours, below pillow's":
        _png_header_only(path, 20_000, 4_100)
    elif kind == "folder":
        path.mkdir()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "is missing"),
        ("empty", "is empty"),
        ("text", "is not a PNG"),
        ("cut png", "is cut off or damaged"),
        ("cut jpeg", "is cut off or damaged"),
        ("jpeg without its end", "is cut off or damaged"),
        ("tiny", "is 1 x 1 pixels; the smallest side admitted is 16"),
        ("blank", "is blank: every pixel has the value 7"),
        ("strip", "is 20000 x 40 pixels, a strip"),
        ("huge", "80 megapixels"),
        ("large", "80 megapixels"),
        ("above ours, below pillow's", "is 20000 x 4100 pixels, above the 80 megapixels"),
        ("folder", "cannot be opened"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, kind: str, reason: str) -> None:
    path = tmp_path / "p1234" / "bad.jpg"
    path.parent.mkdir()
    _make_bad(path, kind)
    with pytest.raises(ImageError, match=reason) as caught:
        _read(path)
    assert str(caught.value).startswith("bad.jpg ")
    assert "p1234" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wide_image_within_the_limit_is_read(tmp_path: Path) -> None:
    wide_HW = np.zeros((2_600, 20_000), np.uint8)
    wide_HW[:, :10_000] = 200
    Image.fromarray(wide_HW).save(tmp_path / "wide.png", compress_level=1)
    assert _read(tmp_path / "wide.png").shape == wide_HW.shape


def test_only_the_sentence_survives_a_workers_traceback() -> None:
    sentence = "row 3: a.png is missing"
    printed = (
        f"Caught ImageError in DataLoader worker process 0.\nOriginal Traceback:\n  File\nsrc.ImageError: {sentence}\n"
    )
    assert str(ImageError(printed)) == str(ImageError(sentence)) == sentence


@pytest.mark.parametrize("shape", [(33, 101), (57, 103), (4200, 4100)], ids=["odd", "odder", "above 16 MiB"])
def test_any_width_and_a_very_large_image_are_read_to_the_bit(tmp_path: Path, shape: tuple[int, int]) -> None:
    image_HW = np.tile(np.arange(251, dtype=np.uint8), shape[0] * shape[1] // 251 + 1)[: shape[0] * shape[1]]
    image_HW = image_HW.reshape(shape)
    cv2.imwrite(str(tmp_path / "a.png"), image_HW, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    np.testing.assert_array_equal(_read(tmp_path / "a.png"), image_HW)


def test_an_image_that_vanishes_after_its_first_bytes_were_read_is_missing_and_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^is missing$"):
        read_picture(tmp_path / "gone.png", check_size=check_size)
