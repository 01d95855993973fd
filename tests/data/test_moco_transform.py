"""MoCo v2's augmentation against Pillow on colour images, in which the released code repeats the grey ones."""

import colorsys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hydra.utils import instantiate
from PIL import Image, ImageEnhance, ImageFilter

from src.data.transforms import ImageTransform

DRAWS = 2000


@pytest.fixture(scope="module")
def config(composed: Callable[..., Any]) -> Any:
    return composed("+experiment=classify/chexpert").transform


@pytest.fixture(scope="module")
def transform(config: Any) -> ImageTransform:
    return instantiate(config.train, _convert_="all")


@pytest.fixture(scope="module")
def ops(transform: ImageTransform) -> list[Any]:
    """Crop, jitter, blur and mirror, alone."""
    return list(transform._ops.transforms)


def _picture(side: int = 64) -> np.ndarray:
    noise_HW = np.random.default_rng(0).integers(40, 200, (side // 4, side // 4), dtype=np.uint8)
    return np.asarray(Image.fromarray(noise_HW).resize((side, side), Image.Resampling.BICUBIC))


def _enhanced(image_HW: np.ndarray, enhance: Any, factor: float) -> np.ndarray:
    """Pillow's, on the image as red, green and blue, which must stay equal."""
    image_HW3 = np.asarray(enhance(Image.fromarray(image_HW).convert("RGB")).enhance(factor))
    assert (image_HW3 == image_HW3[..., :1]).all()
    return image_HW3[..., 0]


def test_four_steps_in_the_published_order(ops: list[Any]) -> None:
    assert [type(op).__name__ for op in ops] == ["RandomCrop", "ColorJitter", "PillowBlur", "HorizontalFlip"]


def test_resize_normalisation_and_evaluation_are_the_published_ones(config: Any, composed: Callable[..., Any]) -> None:
    published = composed("transform=published").transform
    assert (config.size, config.crop, config.train.mean, config.train.std) == (256, 224, 0.5, 0.5)
    assert config.eval == published.eval
    assert config.train.resize == published.train.resize


@pytest.mark.parametrize("experiment", ["rsna", "covidx"])
def test_the_other_probes_crop_and_do_nothing_else(experiment: str, composed: Callable[..., Any]) -> None:
    transform = composed(f"+experiment=classify/{experiment}").transform
    assert [op._target_ for op in transform.train.ops] == ["albumentations.RandomCrop"]


def test_the_crop_is_not_resized(ops: list[Any]) -> None:
    rows_HW = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 256, axis=1)
    tops = set()
    for seed in range(60):
        ops[0].set_random_seed(seed)
        cropped_HW = ops[0](image=rows_HW)["image"]
        assert cropped_HW.shape == (224, 224)
        assert (np.diff(cropped_HW[:, 0].astype(int)) == 1).all()
        tops.add(int(cropped_HW[0, 0]))
    assert min(tops) >= 0
    assert max(tops) <= 32
    assert len(tops) > 20


@pytest.mark.parametrize(("step", "probability"), [(1, 0.8), (2, 0.5), (3, 0.5)])
def test_probabilities(ops: list[Any], step: int, probability: float) -> None:
    image_HW = _picture(16)
    ops[step].set_random_seed(0)
    changed = np.mean([(ops[step](image=image_HW)["image"] != image_HW).any() for _ in range(DRAWS)])
    # five standard deviations; a blur of a sigma below 0.2 changes next to nothing
    assert abs(changed - probability) < 5 * np.sqrt(probability * (1 - probability) / DRAWS) + 0.06 * (step == 2)


def test_jitter_draws_its_factors_evenly_and_in_any_order(ops: list[Any]) -> None:
    ops[1].set_random_seed(0)
    drawn = [ops[1].get_params() for _ in range(DRAWS)]
    for name in ("brightness", "contrast"):
        factors = np.array([params[name] for params in drawn])
        assert 0.6 <= factors.min() < 0.61
        assert 1.39 < factors.max() <= 1.4
        assert abs(factors.mean() - 1) < 5 * 0.8 / np.sqrt(12 * DRAWS)
    first = np.mean([list(params["order"]).index(0) < list(params["order"]).index(1) for params in drawn])
    assert abs(first - 0.5) < 5 * 0.5 / np.sqrt(DRAWS)


def test_jitter_is_pillows_brightness_and_contrast(ops: list[Any]) -> None:
    image_HW = _picture()
    steps = {0: (ImageEnhance.Brightness, "brightness"), 1: (ImageEnhance.Contrast, "contrast")}
    ops[1].set_random_seed(1)
    for _ in range(50):
        params = ops[1].get_params()
        expected_HW = image_HW
        for step in params["order"]:
            if step in steps:
                enhance, name = steps[step]
                expected_HW = _enhanced(expected_HW, enhance, params[name])
        result_HW = ops[1].apply(image_HW, **params)
        # Pillow rounds the mean, and cuts off decimals at each step
        assert np.abs(result_HW.astype(int) - expected_HW).max() <= 2


def test_saturation_hue_and_conversion_to_grey_change_no_grey_image(ops: list[Any]) -> None:
    image_HW = _picture()
    for factor in (0.6, 1.4):
        np.testing.assert_array_equal(_enhanced(image_HW, ImageEnhance.Color, factor), image_HW)
    for grey in (0.0, 0.3, 1.0):
        _, saturation, value = colorsys.rgb_to_hsv(grey, grey, grey)
        assert colorsys.hsv_to_rgb(0.1, saturation, value) == (grey, grey, grey)
    np.testing.assert_array_equal(np.asarray(Image.fromarray(image_HW).convert("RGB").convert("L")), image_HW)
    still = {"brightness": 1.0, "contrast": 1.0, "order": [2, 3, 0, 1]}
    np.testing.assert_array_equal(ops[1].apply(image_HW, saturation=0.6, hue=0.1, **still), image_HW)


def test_blur_is_pillows_with_a_sigma_of_0_1_to_2(ops: list[Any]) -> None:
    ops[2].set_random_seed(0)
    sigmas = np.array([ops[2].get_params()["sigma"] for _ in range(DRAWS)])
    assert 0.1 <= sigmas.min() < 0.11
    assert 1.99 < sigmas.max() <= 2.0
    assert abs(sigmas.mean() - 1.05) < 5 * 1.9 / np.sqrt(12 * DRAWS)
    image_HW = _picture()
    expected_HW3 = np.asarray(Image.fromarray(image_HW).convert("RGB").filter(ImageFilter.GaussianBlur(1.3)))
    np.testing.assert_array_equal(ops[2].apply(image_HW, sigma=1.3), expected_HW3[..., 0])


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_blur_spreads_a_point_by_sigma(ops: list[Any], sigma: float) -> None:
    point_HW = np.zeros((41, 41), dtype=np.uint8)
    point_HW[:, 20] = 255
    weight_W = ops[2].apply(point_HW, sigma=sigma)[20].astype(np.float64)
    offset_W = np.arange(41) - 20
    assert np.sqrt((weight_W * offset_W**2).sum() / weight_W.sum()) == pytest.approx(sigma, rel=0.1)
