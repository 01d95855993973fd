"""Names that speak of a side, transforms that exchange sides, and the warning where both come together."""

from typing import Any

import albumentations
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.errors import UserError
from src.data.sides import is_sided, speaks_of_sides, swapping_transforms, warn_of_mirroring
from src.data.transforms import ImageTransform

SIDED = (
    "right_lung",
    "Left Lung",
    "LeftLung",
    "lung_L",
    "lungR",
    "r_lung",
    "Lung (left)",
    "lungright",
    "RLL",
    "LUL opacity",
    "rt hilum",
    "left-sided effusion",
    "linke Lunge",
    "Lunge rechts",
    "poumon gauche",
    "poumon droit",
    "pulmón izquierdo",
    "dextrocardia",
)
PLAIN = (
    "lung",
    "Lung Opacity",
    "Enlarged PA",
    "cleft",
    "bright spot",
    "copyright",
    "upright",
    "Rectal tube",
    "No finding",
    "ILD",
    "droplet",
    "Nodule/Mass",
    "Aortic enlargement",
    "linkage",
)


@pytest.mark.parametrize("name", SIDED)
def test_names_of_a_side(name: str) -> None:
    assert is_sided(name)


@pytest.mark.parametrize("name", PLAIN)
def test_names_of_no_side(name: str) -> None:
    assert not is_sided(name)


def test_reports_that_speak_of_sides() -> None:
    assert speaks_of_sides("small LEFT-sided effusion")
    assert speaks_of_sides("the rightward shift")
    assert not speaks_of_sides("l. bright, r. clear; upright view")


def _op(name: str, **settings: Any) -> Any:
    return getattr(albumentations, name)(**settings)


@pytest.mark.parametrize(
    ("transform", "swaps"),
    [
        (_op("HorizontalFlip", p=0.5), ["HorizontalFlip"]),
        (_op("HorizontalFlip", p=0), []),
        (_op("Transpose"), ["Transpose"]),
        (_op("RandomRotate90"), ["RandomRotate90"]),
        (_op("D4"), ["D4"]),
        (_op("Rotate", limit=180), ["Rotate"]),
        (_op("Rotate", limit=10), []),
        (_op("Affine", rotate=(-90, 90)), ["Affine"]),
        (_op("Affine", rotate=(-5, 5), scale=(0.9, 1.1)), []),
        (_op("VerticalFlip", p=1), []),
        (_op("RandomBrightnessContrast", brightness_limit=0.1), []),
        (_op("OneOf", transforms=[_op("Blur"), _op("HorizontalFlip")]), ["HorizontalFlip"]),
        (_op("OneOf", transforms=[_op("HorizontalFlip")], p=0), []),
    ],
)
def test_transforms_that_exchange_sides(transform: Any, swaps: list[str]) -> None:
    assert swapping_transforms([transform]) == swaps


FINDINGS = ["lung_left", "lung_right", "heart"]


def test_the_warning_names_the_findings_and_the_setting(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_mirroring(horizontal_flip=0.5, others=[], names=FINDINGS, captions=[])
    (record,) = caplog.records
    assert record.getMessage() == (
        "training images are mirrored or turned (transform.horizontal_flip=0.5), but the findings lung_left, "
        "lung_right are named by a side, and neither names nor reports change with the image; set "
        "transform.horizontal_flip=0 to keep left and right apart"
    )
    caplog.clear()
    warn_of_mirroring(horizontal_flip=0.0, others=["D4"], names=["heart"], captions=["left effusion", "clear", "right"])
    (record,) = caplog.records
    assert "D4 of transform.train" in record.getMessage()
    assert "2 of 3 reports say left or right" in record.getMessage()
    assert "take these out of transform.train.ops" in record.getMessage()
    assert "horizontal_flip" not in record.getMessage()


@pytest.mark.parametrize(("flip", "names"), [(0.0, FINDINGS), (0.5, ["heart"])])
def test_nothing_to_warn_of(flip: float, names: list[str], caplog: pytest.LogCaptureFixture) -> None:
    warn_of_mirroring(horizontal_flip=flip, others=[], names=names, captions=["clear lungs"])
    assert not caplog.records


def _transform(**changes: Any) -> ImageTransform:
    return ImageTransform(resize=[], ops=[], mean=0.5, std=0.5, **changes)


@given(st.integers(0, 2**31))
def test_a_flip_of_1_mirrors_and_of_0_does_not(seed: int) -> None:
    image_HW = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(_transform().augment(image_HW, seed=seed), image_HW)
    np.testing.assert_array_equal(_transform(horizontal_flip=1.0).augment(image_HW, seed=seed), image_HW[:, ::-1])


def test_the_share_of_mirrored_images_and_their_boxes() -> None:
    transform, image_HW = _transform(horizontal_flip=0.3), np.arange(12, dtype=np.uint8).reshape(3, 4)
    box_N4, no_mask = np.array([[0.0, 0.0, 1.0, 2.0]]), np.zeros((0, 3, 4), np.uint8)
    results = [transform.annotated(image_HW, mask_MHW=no_mask, box_N4=box_N4, seed=seed) for seed in range(2000)]
    mirrored = [bool(result.image_HW[0, 0]) for result in results]
    # five standard deviations
    assert abs(np.mean(mirrored) - 0.3) < 5 * np.sqrt(0.21 / 2000)
    for result, flipped in zip(results[:50], mirrored, strict=False):
        assert result.box_N4.tolist() == [[3, 0, 4, 2] if flipped else [0, 0, 1, 2]]


@pytest.mark.parametrize("flip", [True, -0.1, 1.5])
def test_what_is_no_probability(flip: float) -> None:
    with pytest.raises(UserError, match=r"transform\.horizontal_flip=.*; give a number from 0 to 1"):
        _transform(horizontal_flip=flip)
