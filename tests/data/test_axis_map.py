"""Boxes and maps between frames: by hand, there and back again, and as the transforms really move them."""

from pathlib import Path

import albumentations
import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from src.core.errors import UserError
from src.data.axis_map import IDENTITY, AxisMap
from src.data.longest_side import LongestSide
from src.data.resize import place, placement_map
from src.data.transforms import ImageTransform

CONF = Path(__file__).resolve().parents[2] / "conf"
SIDES = st.integers(16, 400)


def _eval(name: str, **sizes: int) -> ImageTransform:
    config = OmegaConf.create({"transform": OmegaConf.load(CONF / f"transform/{name}.yaml")})
    config.transform.update(sizes)
    return instantiate(config.transform.eval, _convert_="all")


TRANSFORMS = {"published": _eval("published"), "light": _eval("light"), "whole": _eval("whole", size=96)}


def _one_op(op: object) -> ImageTransform:
    return ImageTransform(resize=[], ops=[op], mean=0.5, std=0.5)


def test_by_hand() -> None:
    half = AxisMap(0.5, 0.25, 3.0, -1.0)
    boxes_N4 = np.array([[2.0, 4.0, 10.0, 12.0]])
    wanted = [[4.0, 0.0, 8.0, 2.0]]
    assert half.apply(boxes_N4).tolist() == wanted
    assert half.apply(torch.tensor([[2.0, 4.0, 10.0, 12.0]])).tolist() == wanted
    assert half.inverse() == AxisMap(2.0, 4.0, -6.0, 4.0)
    assert half.then(AxisMap(2.0, 2.0, 1.0, 1.0)) == AxisMap(1.0, 0.5, 7.0, -1.0)
    assert half.then(half.inverse()) == IDENTITY
    assert half.apply(np.zeros((0, 4), np.float32)).dtype == np.float32
    assert half.apply(torch.zeros(0, 4)).shape == (0, 4)


def test_maps_by_hand() -> None:
    value_HW = np.array([[0.0, 4.0], [8.0, 12.0]], np.float32)
    double = AxisMap(2.0, 2.0, 0.0, 0.0)
    assert double.mask(value_HW, 4, 4).tolist() == [[0, 0, 4, 4], [0, 0, 4, 4], [8, 8, 12, 12], [8, 8, 12, 12]]
    # centres of the new pixels lie a quarter and three quarters between those of the old ones
    assert double.probability(value_HW, 4, 4)[0].tolist() == [0, 1, 3, 4]
    assert double.probability(value_HW, 4, 4)[:, 0].tolist() == [0, 2, 6, 8]
    half = AxisMap(0.5, 0.5, 0.0, 0.0)
    assert half.probability(value_HW, 1, 1).tolist() == [[6.0]]
    assert AxisMap(1.0, 1.0, 1.0, 0.0).mask(value_HW, 2, 4).tolist() == [[0, 0, 4, 0], [0, 8, 12, 0]]


@given(SIDES, SIDES, st.integers(-15, 15), st.integers(-15, 15))
def test_padding_and_cropping_lose_nothing(height: int, width: int, right: int, down: int) -> None:
    value_FHW = np.random.default_rng(height + width).random((2, height, width), dtype=np.float32)
    moved = AxisMap(1.0, 1.0, float(right), float(down))
    wanted_FHW = np.zeros((2, height + 5, width + 7), np.float32)
    for y in range(max(0, down), min(height + down, height + 5)):
        left, end = max(0, right), min(width + right, width + 7)
        wanted_FHW[:, y, left:end] = value_FHW[:, y - down, left - right : end - right]
    np.testing.assert_array_equal(moved.probability(value_FHW, height + 5, width + 7), wanted_FHW)
    np.testing.assert_array_equal(moved.mask(value_FHW, height + 5, width + 7), wanted_FHW)
    np.testing.assert_array_equal(IDENTITY.probability(value_FHW, height, width), value_FHW)


@given(st.sampled_from(sorted(TRANSFORMS)), SIDES, SIDES)
def test_boxes_go_as_albumentations_sends_them_and_come_back(name: str, height: int, width: int) -> None:
    transform = TRANSFORMS[name]
    random = np.random.default_rng(height * 1000 + width)
    corner_N22 = np.sort(random.random((6, 2, 2)) * [width, height], axis=1)
    box_N4 = np.concatenate([corner_N22[:, 0], corner_N22[:, 1] + 0.5], axis=1).clip(0, [width, height] * 2)
    seen = transform.axis_map(height, width)
    blank_HW = np.zeros((height, width), np.uint8)
    result = transform.annotated(blank_HW, mask_MHW=blank_HW[None], box_N4=box_N4, seed=0)
    new_height, new_width = result.image_HW.shape
    sent_N4 = seen.apply(box_N4)[result.kept_N].clip(0, [new_width, new_height] * 2)
    np.testing.assert_allclose(result.box_N4, sent_N4, atol=2e-3)
    np.testing.assert_allclose(seen.inverse().apply(seen.apply(box_N4)), box_N4, atol=1e-9)


@given(SIDES, SIDES)
def test_a_mask_comes_back_nearly_whole(height: int, width: int) -> None:
    y_H, x_W = (np.arange(height) + 0.5) / height - 0.5, (np.arange(width) + 0.5) / width - 0.5
    mask_HW = (y_H[:, None] ** 2 + x_W**2 < 0.3**2).astype(np.uint8)
    seen = TRANSFORMS["whole"].axis_map(height, width)
    back_HW = seen.inverse().mask(seen.mask(mask_HW, 96, 96), height, width)
    joint = (mask_HW & back_HW).sum() / (mask_HW | back_HW).sum()
    # one pixel of the 96 is lost at most around the whole edge of the shorter axis
    assert joint > 1 - 8 * max(height, width) / min(height, width) / 96


def test_the_masks_that_the_loader_moves_are_those_that_the_map_moves() -> None:
    mask_HW = np.zeros((300, 200), np.uint8)
    mask_HW[100:180, 40:120] = 1
    transform = TRANSFORMS["published"]
    result = transform.annotated(mask_HW, mask_MHW=mask_HW[None], box_N4=np.zeros((0, 4)), seed=0)
    moved_HW = transform.axis_map(300, 200).mask(mask_HW, 224, 224)
    assert (moved_HW != result.mask_MHW[0]).mean() < 0.002


@pytest.mark.parametrize("name", ["published", "whole"])
def test_the_numbers_of_a_known_image(name: str) -> None:
    # 512 x 400: scaled by a half or by 96 / 512, padded at the top and bottom, cropped by 16
    seen = TRANSFORMS[name].axis_map(400, 512)
    wanted = (0.5, 0.5, -16.0, 28.0 - 16.0) if name == "published" else (0.1875, 0.1875, 0.0, 10.0)
    np.testing.assert_allclose(seen, wanted, atol=1e-12)


@given(st.integers(20, 3000), st.integers(20, 3000), st.booleans())
def test_a_placement_is_a_map(height: int, width: int, pad: bool) -> None:
    where = place(height, width, size=64, pad=pad, resize="longest")
    moved_4 = placement_map(height, width, where).apply(np.array([[0.0, 0.0, width, height]]))[0]
    wanted = [where.left, where.top, where.left + where.inner_width, where.top + where.inner_height]
    np.testing.assert_allclose(moved_4, wanted, atol=1e-9)


@pytest.mark.parametrize(
    "op",
    [
        albumentations.Rotate(limit=(5, 5), p=1),
        albumentations.HorizontalFlip(p=1),
        albumentations.RandomRotate90(p=1),
        albumentations.Affine(shear=(8, 8), p=1),
    ],
)
def test_what_cannot_be_led_back_is_refused(op: object) -> None:
    with pytest.raises(UserError, match=r"transform\.eval turns, shears, mirrors"):
        ImageTransform(resize=[LongestSide(size=96)], ops=[op], mean=0.5, std=0.5).axis_map(200, 300)


def test_any_pipeline_that_only_scales_and_crops_is_found() -> None:
    np.testing.assert_allclose(_one_op(albumentations.Resize(50, 60)).axis_map(100, 30), (2, 0.5, 0, 0), atol=1e-9)
    crop = albumentations.Crop(x_min=7, y_min=11, x_max=90, y_max=95)
    np.testing.assert_allclose(_one_op(crop).axis_map(100, 100), (1, 1, -7, -11), atol=1e-9)
    assert _one_op(albumentations.NoOp()).axis_map(33, 44) == IDENTITY
    assert ImageTransform(resize=[], ops=[], mean=0.5, std=0.5).axis_map(33, 44) == IDENTITY
