"""The published geometry to the pixel, seeded augmentation, and masks and boxes that follow."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from src.core.batch import normalise
from src.data.transforms import ImageTransform

CONF = Path(__file__).resolve().parents[2] / "conf"


def _load(name: str, stage: str, **sizes: int) -> ImageTransform:
    own = OmegaConf.load(CONF / f"transform/{name}.yaml")
    bases = [OmegaConf.load(CONF / f"transform/{base}.yaml") for base in own.pop("defaults", [])]
    config = OmegaConf.create({"transform": OmegaConf.merge(*bases, own)})
    config.transform.update(sizes)
    return instantiate(config.transform[stage], _convert_="all")


def _released_resize(image_HW: np.ndarray, size: int) -> np.ndarray:
    """The published rule, written out: shorter side rounded down, the odd pixel of padding right or below."""
    height, width = image_HW.shape
    new_height = size if height >= width else int(height * (size / width))
    new_width = size if width > height else int(width * (size / height))
    small_HW = cv2.resize(image_HW, (new_width, new_height), interpolation=cv2.INTER_AREA)
    square_HW = np.zeros((size, size), np.uint8)
    top, left = (size - new_height) // 2, (size - new_width) // 2
    square_HW[top : top + new_height, left : left + new_width] = small_HW
    return square_HW


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (511, 333), (333, 511), (256, 256), (100, 80), (2000, 1999)])
def test_published_resize_to_the_pixel(shape: tuple[int, int]) -> None:
    image_HW = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(_load("published", "train").shrink(image_HW), _released_resize(image_HW, 256))


def test_published_evaluation_is_the_centre() -> None:
    image_HW = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    np.testing.assert_array_equal(_load("published", "eval").augment(image_HW, seed=3), image_HW[16:240, 16:240])


def test_published_training_crops_and_does_nothing_else() -> None:
    rows_HW, columns_HW = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8), indexing="ij")
    transform = _load("published", "train")
    corners = set()
    for seed in range(40):
        top, left = (int(transform.augment(axis_HW, seed=seed)[0, 0]) for axis_HW in (rows_HW, columns_HW))
        np.testing.assert_array_equal(
            transform.augment(rows_HW, seed=seed), rows_HW[top : top + 224, left : left + 224]
        )
        corners.add((top, left))
    assert len(corners) > 30
    assert max(max(corner) for corner in corners) <= 32


def test_normalised_grey_is_repeated() -> None:
    image_BHW = torch.tensor([[[0, 255, 51]]], dtype=torch.uint8)
    transform = _load("published", "eval")
    image_BCHW = normalise(image_BHW, mean=transform.mean, std=transform.std)
    assert image_BCHW.shape == (1, 3, 1, 3)
    torch.testing.assert_close(image_BCHW, torch.tensor([-1.0, 1.0, -0.6]).expand(1, 3, 1, 3))
    image_BCHW[0, 0] = 0  # a batch can be written to


@pytest.mark.parametrize("name", ["published", "light", "moco_v2"])
def test_the_seed_alone_decides(name: str) -> None:
    image_HW = np.random.default_rng(0).integers(0, 256, (300, 260), dtype=np.uint8)
    first, second = _load(name, "train"), _load(name, "train")
    small_HW = first.shrink(image_HW)
    images = [first.augment(small_HW, seed=seed) for seed in range(6)]
    for seed in reversed(range(6)):
        np.testing.assert_array_equal(second.augment(small_HW, seed=seed), images[seed])
    assert len({image.tobytes() for image in images}) > 1


def test_light_follows_its_two_sizes_and_never_mirrors() -> None:
    image_HW = np.zeros((100, 100), np.uint8)
    image_HW[:, :40] = 200
    transform = _load("light", "train", size=64, crop=56)
    for seed in range(50):
        result_HW = transform.augment(transform.shrink(image_HW), seed=seed)
        assert result_HW.shape == (56, 56)
        assert result_HW[:, :12].mean() > result_HW[:, -12:].mean()


@pytest.mark.parametrize("name", ["published", "light"])
def test_masks_and_boxes_follow_the_image(name: str) -> None:
    image_HW = np.full((400, 300), 20, np.uint8)
    image_HW[150:230, 100:180] = 220
    mask_MHW = (image_HW > 100).astype(np.uint8)[None]
    transform = _load(name, "train")
    for seed in range(20):
        result = transform.annotated(
            image_HW, mask_MHW=mask_MHW, box_N4=np.array([[100, 150, 180, 230]], np.float32), seed=seed
        )
        np.testing.assert_array_equal(result.image_HW, transform.augment(transform.shrink(image_HW), seed=seed))
        bright_HW = result.image_HW > 128
        mask_HW = result.mask_MHW[0] > 0
        assert (bright_HW & mask_HW).sum() / (bright_HW | mask_HW).sum() > 0.9
        rows, columns = np.nonzero(mask_HW)
        edges = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        # the box of a rotated square is that of its corners
        assert np.abs(result.box_N4[0] - edges).max() <= (2 if name == "published" else 4)


def test_boxes_cropped_away_are_told() -> None:
    transform = _load("published", "eval")
    boxes_N4 = np.array([[0, 0, 8, 8], [100, 100, 150, 150]], np.float32)
    result = transform.annotated(
        np.zeros((256, 256), np.uint8), mask_MHW=np.zeros((1, 256, 256), np.uint8), box_N4=boxes_N4, seed=0
    )
    assert result.kept_N.tolist() == [1]
    np.testing.assert_allclose(result.box_N4, boxes_N4[1:] - 16, atol=1e-3)


@pytest.mark.parametrize("name", ["light", "moco_v2"])
def test_a_transform_can_be_sent_to_a_spawned_worker(name: str) -> None:
    assert pickle.dumps(_load(name, "train"))
