"""Shapes and run lengths against pixel-by-pixel definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO

from src.data.outlines import Ellipse, Polygon, Rectangle, RunLengths
from src.data.run_lengths import decode_mask, encode_mask

HEIGHT, WIDTH = 12, 9


def _siim_by_hand(text: str) -> np.ndarray:
    numbers = [int(word) for word in text.split()]
    flat, at = [0] * (HEIGHT * WIDTH), 0
    for skip, length in zip(numbers[::2], numbers[1::2], strict=True):
        at += skip
        for pixel in range(at, at + length):
            flat[pixel] = 1
        at += length
    return np.array([[flat[column * HEIGHT + row] for column in range(WIDTH)] for row in range(HEIGHT)], dtype=bool)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6)), min_size=1, max_size=8))
def test_run_lengths_are_read_down_the_columns(runs: list[tuple[int, int]]) -> None:
    text = " ".join(f"{skip} {length}" for skip, length in runs)
    np.testing.assert_array_equal(RunLengths(text).draw(HEIGHT, WIDTH), _siim_by_hand(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("100 9", "ends at pixel 109, past the end of 9 x 12"),
        ("1 2 3", "not a list of whole numbers in pairs"),
        ("a b", "not a list of whole numbers"),
        ("", "start below 0, or a length of 0"),
        ("3 0", "a length of 0"),
        ("-1 4", "a start below 0"),
    ],
)
def test_run_lengths_that_cannot_be(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        RunLengths(text).draw(HEIGHT, WIDTH)


def test_the_last_pixel_may_be_covered() -> None:
    mask_HW = RunLengths("107 1").draw(HEIGHT, WIDTH)
    assert mask_HW[-1, -1]
    assert mask_HW.sum() == 1


def test_a_rectangle_has_the_pixels_whose_centres_are_inside() -> None:
    mask_HW = Rectangle(2, 3, 5, 7.6).draw(HEIGHT, WIDTH)
    wanted = np.zeros((HEIGHT, WIDTH), dtype=bool)
    wanted[3:8, 2:5] = True
    np.testing.assert_array_equal(mask_HW, wanted)


def test_an_ellipse_has_its_area_and_its_box() -> None:
    mask_HW = Ellipse(10, 20, 90, 60).draw(100, 120)
    assert mask_HW.sum() == pytest.approx(np.pi * 40 * 20, rel=0.01)
    rows, columns = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
    assert (columns[0], columns[-1] + 1, rows[0], rows[-1] + 1) == (10, 90, 20, 60)


def test_a_polygon_has_its_area_and_no_outline_around_it() -> None:
    square_HW = Polygon((2, 3, 7, 3, 7, 9, 2, 9)).draw(HEIGHT, WIDTH)
    wanted_HW = np.zeros((HEIGHT, WIDTH), dtype=bool)
    wanted_HW[3:9, 2:7] = True
    np.testing.assert_array_equal(square_HW, wanted_HW)
    assert Polygon((10, 10, 20, 10, 20, 20, 10, 20)).draw(64, 64).sum() == 100
    triangle_HW = Polygon((0, 0, 200, 0, 0, 100)).draw(100, 200)
    assert triangle_HW.sum() == pytest.approx(10_000, rel=0.01)


@given(st.lists(st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT)), min_size=3, max_size=8))
def test_polygons_are_those_of_ann_to_mask(corners: list[tuple[float, float]]) -> None:
    coco = COCO()
    coco.imgs = {1: {"height": HEIGHT, "width": WIDTH}}
    flat = [value for corner in corners for value in corner]
    np.testing.assert_array_equal(
        Polygon(tuple(flat)).draw(HEIGHT, WIDTH), coco.annToMask({"image_id": 1, "segmentation": [flat]}).astype(bool)
    )


def test_a_shape_may_reach_over_the_edge() -> None:
    assert Rectangle(-5, -5, 3, 2).draw(HEIGHT, WIDTH).sum() == 6
    assert Polygon((-5, -5, 30, -5, 30, 30, -5, 30)).draw(HEIGHT, WIDTH).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 20), st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_stored_run_lengths_come_back(seed: int, height: int, width: int, share: float) -> None:
    mask_HW = np.random.default_rng(seed).random((height, width)) < share
    run_R = encode_mask(mask_HW)
    assert run_R.sum() == mask_HW.size
    np.testing.assert_array_equal(decode_mask(run_R, height, width), mask_HW)


def test_stored_run_lengths_by_hand() -> None:
    assert encode_mask(np.array([[0, 1, 1], [1, 0, 0]])).tolist() == [1, 3, 2]
    assert encode_mask(np.array([[1, 0]])).tolist() == [0, 1, 1]
