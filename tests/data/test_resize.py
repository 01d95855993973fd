"""Where an image comes to lie, against albumentations and by hand."""

import numpy as np
import pytest
from albumentations import BboxParams, Compose, PadIfNeeded, Resize
from hypothesis import given
from hypothesis import strategies as st

from src.data.longest_side import LongestSide
from src.data.resize import fit_longest_side, frame, move_boxes, place, shrink


@given(st.integers(16, 300), st.integers(16, 300), st.integers(16, 200))
def test_the_longer_side_and_the_padding_are_albumentations(height: int, width: int, size: int) -> None:
    image_HW = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    where = place(height, width, size=size, pad=True, resize="longest")
    box = [(width * 0.2, height * 0.1, width * 0.7, height * 0.9)]
    steps = [LongestSide(size=size), PadIfNeeded(min_height=size, min_width=size, fill=0)]
    wanted = Compose(steps, bbox_params=BboxParams(format="pascal_voc"))(image=image_HW, bboxes=box)
    np.testing.assert_array_equal(frame(shrink(image_HW, where, resize="longest"), where), wanted["image"])
    moved_N4 = move_boxes(np.array(box), height, width, where)
    np.testing.assert_allclose(moved_N4, np.array(wanted["bboxes"])[:, :4], atol=0.02)


@pytest.mark.parametrize(
    ("height", "width", "fitted"),
    [(3056, 2544, (256, 213)), (2544, 3056, (213, 256)), (100, 100, (256, 256)), (5000, 16, (256, 1))],
)
def test_the_shorter_side_is_rounded_down(height: int, width: int, fitted: tuple[int, int]) -> None:
    assert fit_longest_side(height, width, 256) == fitted


@given(st.integers(16, 300), st.integers(16, 300), st.integers(16, 200), st.booleans())
def test_stretched_both_sides_have_the_size_and_boxes_follow(height: int, width: int, size: int, pad: bool) -> None:
    image_HW = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    where = place(height, width, size=size, pad=pad, resize="stretch")
    box = [(width * 0.2, height * 0.1, width * 0.7, height * 0.9)]
    step = Compose([Resize(size, size, interpolation=1)], bbox_params=BboxParams(format="pascal_voc"))
    wanted = step(image=image_HW, bboxes=box)
    np.testing.assert_array_equal(frame(shrink(image_HW, where, resize="stretch"), where), wanted["image"])
    moved_N4 = move_boxes(np.array(box), height, width, where)
    np.testing.assert_allclose(moved_N4, [[0.2 * size, 0.1 * size, 0.7 * size, 0.9 * size]], rtol=1e-6)
    np.testing.assert_allclose(moved_N4, np.array(wanted["bboxes"])[:, :4], atol=0.02)
