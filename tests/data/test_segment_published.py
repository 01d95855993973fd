"""The published augmentation of segmentation: half of the images scaled and turned about their centre, nothing else.

Axes: N draws, M points.
"""

from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from src.data.transforms import ImageTransform

TRANSFORM = Path(__file__).resolve().parents[2] / "conf" / "transform"
SIDE, DRAWS = 224, 300
CENTRE = (SIDE - 1) / 2
POINTS_M2 = np.array([[60.0, 70.0], [160.0, 60.0], [150.0, 165.0], [70.0, 150.0]])


@pytest.fixture(scope="module")
def drawn() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each draw: the similarity (2, 2), the shift (2,) of the centre, and the image, which is even."""
    transform = _train_transform()
    mask_MHW = np.stack([_disc(x, y) for x, y in POINTS_M2])
    image_HW = np.full((SIDE, SIDE), 100, np.uint8)
    no_box = np.zeros((0, 4))
    draws = (transform.annotated(image_HW, mask_MHW=mask_MHW, box_N4=no_box, seed=seed) for seed in range(DRAWS))
    return [(*_fit(draw.mask_MHW), draw.image_HW) for draw in draws]


def _train_transform() -> ImageTransform:
    whole = OmegaConf.load(TRANSFORM / "whole.yaml")
    own = OmegaConf.load(TRANSFORM / "segment_published.yaml")
    assert own.pop("defaults") == ["whole"]
    config = OmegaConf.create({"transform": OmegaConf.merge(whole, own)})
    transform: ImageTransform = instantiate(config.transform.train, _convert_="all")
    return transform


def _disc(x: float, y: float) -> np.ndarray:
    row_HW, column_HW = np.mgrid[:SIDE, :SIDE]
    return ((row_HW - y) ** 2 + (column_HW - x) ** 2 <= 64).astype(np.uint8)


def _fit(mask_MHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The linear map of positions from the centre, by least squares over the centres of mass of the discs."""
    found_M2 = np.array([np.argwhere(mask_HW).mean(axis=0)[::-1] for mask_HW in mask_MHW])
    ones = np.ones((len(POINTS_M2), 1))
    solution, *_ = np.linalg.lstsq(np.hstack([POINTS_M2 - CENTRE, ones]), found_M2 - CENTRE, rcond=None)
    return solution[:2].T, solution[2]


def test_half_of_the_images_are_moved(drawn: list) -> None:
    moved = sum(not np.allclose(linear, np.eye(2), atol=2e-3) for linear, _, _ in drawn)
    # 300 draws of one half: 99.9 % lie within 3.3 standard deviations
    assert abs(moved / DRAWS - 0.5) < 3.3 * 0.5 / np.sqrt(DRAWS)


def test_they_are_scaled_by_a_tenth_and_turned_by_ten_degrees_about_the_centre(drawn: list) -> None:
    scales, angles = zip(*(_scale_and_angle(linear) for linear, _, _ in drawn), strict=True)
    assert 0.895 < min(scales) < 0.91
    assert 1.09 < max(scales) < 1.105
    assert -10.3 < min(angles) < -9.0
    assert 9.0 < max(angles) < 10.3
    assert max(np.abs(shift).max() for _, shift, _ in drawn) < 0.7


def _scale_and_angle(linear: np.ndarray) -> tuple[float, float]:
    """Of a turn and one scale for both axes; a mirror image or a stretch would not fit."""
    (a, b), (c, d) = linear
    assert a == pytest.approx(d, abs=0.02)
    assert b == pytest.approx(-c, abs=0.02)
    assert np.linalg.det(linear) > 0
    return float(np.hypot(a, c)), float(np.degrees(np.arctan2(c, a)))


def test_what_comes_in_from_outside_is_black_and_nothing_else_changes(drawn: list) -> None:
    inside = slice(40, SIDE - 40)
    assert all((image_HW[inside, inside] == 100).all() for _, _, image_HW in drawn)
    smaller = [image_HW for linear, _, image_HW in drawn if _scale_and_angle(linear)[0] < 0.95]
    assert smaller
    assert all(image_HW[0, 0] == 0 for image_HW in smaller)


def test_evaluation_sees_the_image_as_it_is() -> None:
    config = OmegaConf.create({"transform": OmegaConf.load(TRANSFORM / "whole.yaml")})
    assert list(config.transform.eval.ops) == []
    assert "eval" not in OmegaConf.load(TRANSFORM / "segment_published.yaml")
