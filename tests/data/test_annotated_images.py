"""Batches of images with boxes and masks: what is on them stays where it is, is dropped, counted, and led back."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import albumentations
import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from src.core.dense import IGNORED, DensePixels
from src.core.errors import UserError
from src.data.annotated_images import AnnotatedImages
from src.data.longest_side import LongestSide
from src.data.phantom.source import PhantomSource
from src.data.sources import Original, unchanged
from src.data.transforms import ImageTransform

CONF = Path(__file__).resolve().parents[2] / "conf"
SIDE = 64
NAMES = ("left", "right")


class Plain:
    """Images without boxes or masks."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.label_NF = np.zeros((count, 2), np.float32)

    def __len__(self) -> int:
        return self.count

    def image(self, index: int) -> np.ndarray:
        return np.random.default_rng(index).integers(0, 100, (100, 80), dtype=np.uint8)

    def report(self, index: int) -> str:
        return ""

    def row(self, index: int) -> int:
        return 10 + index

    def file(self, index: int) -> str:
        return ""


class Marked(Plain):
    """Each of its images, 100 x 80 pixels, has the same marks; those of a whole tenth have none."""

    marks = (("left", (8, 10, 28, 50)), ("left", (20, 40, 36, 60)), ("right", (50, 20, 75, 90)), ("none", (0, 0, 9, 9)))
    ignored = ((44, 0, 60, 40),)

    def boxes(self, index: int) -> list[tuple[str, np.ndarray]]:
        return [(name, np.array(box_4, np.float32)) for name, box_4 in self.marks] if (index + 1) % 10 else []

    def masks(self, index: int) -> list[tuple[str, np.ndarray]]:
        return [(name, _filled(box_4)) for name, box_4 in self.boxes(index)]

    def ignored_boxes(self, index: int) -> np.ndarray:
        return np.array(self.ignored, np.float32).reshape(-1, 4)

    def ignored_mask(self, index: int) -> np.ndarray:
        return np.any([_filled(box_4) for box_4 in self.ignored], axis=0)

    def image(self, index: int) -> np.ndarray:
        image_HW = super().image(index)
        for name, mask_HW in self.masks(index):
            if name == "right":
                image_HW[mask_HW] = 255
        return image_HW


class Small(Marked):
    """Marks of which nothing is left."""

    marks = (("left", (8, 10, 28, 50)), ("right", (50, 20, 50.7, 90)), ("right", (0, 0, 3, 3)))
    ignored = ()

    def ignored_mask(self, index: int) -> np.ndarray:
        return np.zeros((100, 80), bool)


class Measured(Marked):
    """Made from originals of twice the size, whose masks it has."""

    def masks(self, index: int) -> list[tuple[str, np.ndarray]]:
        return [(name, mask_HW.repeat(2, 0).repeat(2, 1)) for name, mask_HW in super().masks(index)]

    def ignored_mask(self, index: int) -> np.ndarray:
        return super().ignored_mask(index).repeat(2, 0).repeat(2, 1)

    image = Plain.image

    def original(self, index: int) -> Original:
        return unchanged(100, 80)._replace(height=200, width=160, to_image=_HALF)


class _Source:
    finding_names = NAMES
    exclusive = False

    def __init__(self, table: type[Plain], *, train: int = 12, test: int = 5) -> None:
        self.counts = {"train": train, "val": 3, "test": test}
        self.kind = table

    def table(self, split: str) -> Plain:
        return self.kind(self.counts[split])


def _filled(box_4: Any) -> np.ndarray:
    left, top, right, bottom = (round(float(edge)) for edge in box_4)
    mask_HW = np.zeros((100, 80), bool)
    mask_HW[top:bottom, left:right] = True
    return mask_HW


_HALF = unchanged(1, 1).to_image._replace(scale_x=0.5, scale_y=0.5)


def _whole() -> dict[str, ImageTransform]:
    config = OmegaConf.create({"transform": OmegaConf.load(CONF / "transform/whole.yaml")})
    config.transform.size = SIDE
    return {f"{stage}_transform": instantiate(config.transform[stage], _convert_="all") for stage in ("train", "eval")}


@pytest.fixture
def annotated(make_module: Callable[..., Any]) -> Callable[..., AnnotatedImages]:
    """Called with a source, a kind, and changes to the values of conf/datamodule/pairs.yaml."""

    def make(source: Any, kind: Any, drop_last: bool = False, **changes: Any) -> AnnotatedImages:
        images = make_module(source, tokenizer=None, **{**_whole(), **changes})
        return AnnotatedImages(images=images, kind=kind, drop_last=drop_last)

    return make


def test_mirroring_of_named_sides_is_told_once(
    annotated: Callable[..., AnnotatedImages], caplog: pytest.LogCaptureFixture
) -> None:
    images = annotated(_Source(Marked), "boxes")
    images.train_dataloader()
    assert "mirrored" not in caplog.text
    mirroring = ImageTransform(resize=[], ops=[], mean=0.5, std=0.5, horizontal_flip=0.5)
    images = annotated(_Source(Marked), "boxes", train_transform=mirroring)
    images.train_dataloader()
    images.train_dataloader()
    (said,) = [record.getMessage() for record in caplog.records if "mirrored" in record.getMessage()]
    assert "the findings left, right are named by a side" in said
    assert "set transform.horizontal_flip=0" in said


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_boxes_by_hand(annotated: Callable[..., AnnotatedImages], cache: str) -> None:
    images = annotated(_Source(Marked, test=11), "boxes", cache=cache)
    batches = list(images.judging_dataloader("test"))
    assert all(isinstance(batch, DensePixels) for batch in batches)
    assert [len(batch) for batch in batches] == [4, 4, 3]
    assert torch.cat([batch.position_B for batch in batches]).tolist() == list(range(11))
    assert batches[0].mask_BFHW.shape == (4, 0, SIDE, SIDE)
    # 100 x 80 becomes 64 x 51 with 6 columns of zeros on its left
    across, down = 51 / 80, 64 / 100
    wanted = [[6 + across * box[0], down * box[1], 6 + across * box[2], down * box[3]] for _, box in Marked.marks[:3]]
    objects = batches[0].objects[0]
    np.testing.assert_allclose(objects.box_N4, wanted, atol=1e-3)
    assert objects.class_N.tolist() == [0, 0, 1]
    np.testing.assert_allclose(objects.ignored_I4, [[6 + across * 44, 0, 6 + across * 60, down * 40]], atol=1e-3)
    # the tenth has none, and stays
    assert batches[2].objects[1].box_N4.shape == (0, 4)
    truth = images.truth("test", 0)
    assert (truth.height, truth.width, truth.mask_FHW.shape) == (100, 80, (0, 100, 80))
    np.testing.assert_allclose(truth.objects.box_N4, [box_4 for _, box_4 in Marked.marks[:3]])
    back_N4 = images.to_original("test", 0).apply(objects.box_N4)
    np.testing.assert_allclose(back_N4, truth.objects.box_N4, atol=1e-3)
    assert images.case_keys("test").row_N.tolist() == [10 + index for index in range(11)]
    np.testing.assert_array_equal(images.image("test", 2), Marked(11).image(2))


def test_masks_by_hand(annotated: Callable[..., AnnotatedImages]) -> None:
    images = annotated(_Source(Marked), "masks")
    truth = images.truth("test", 0)
    assert truth.objects.box_N4.shape == (0, 4)
    ignored_HW = _filled(Marked.ignored[0])
    left_HW, right_HW = _filled(Marked.marks[0][1]) | _filled(Marked.marks[1][1]), _filled(Marked.marks[2][1])
    np.testing.assert_array_equal(truth.mask_FHW[0], np.where(left_HW, 1, np.where(ignored_HW, IGNORED, 0)))
    np.testing.assert_array_equal(truth.mask_FHW[1], np.where(right_HW, 1, np.where(ignored_HW, IGNORED, 0)))
    batch = next(iter(images.judging_dataloader("test")))
    assert batch.mask_BFHW.dtype == torch.uint8
    assert batch.mask_BFHW.shape == (4, 2, SIDE, SIDE)
    assert [len(objects.box_N4) for objects in batch.objects] == [0] * 4
    back_FHW = images.to_image("test", 0).mask(batch.mask_BFHW[0].numpy(), 100, 80)
    for value in (1, IGNORED):
        both = ((back_FHW == value) & (truth.mask_FHW == value)).sum()
        assert both / ((back_FHW == value) | (truth.mask_FHW == value)).sum() > 0.9
    assert set(np.unique(batch.mask_BFHW)) == {0, 1, IGNORED}


@pytest.mark.parametrize("num_workers", [0, 1])
def test_training_moves_masks_with_their_images(annotated: Callable[..., AnnotatedImages], num_workers: int) -> None:
    images = annotated(_Source(Marked), "masks", num_workers=num_workers)
    loader = images.train_dataloader()
    seen = set()
    for epoch in range(2):
        loader.batch_sampler.sampler.set_epoch(epoch)
        for batch in loader:
            for image_HW, mask_FHW, position in zip(batch.image_BHW, batch.mask_BFHW, batch.position_B, strict=True):
                if (position + 1) % 10:
                    bright_HW, mask_HW = image_HW > 128, mask_FHW[1] == 1
                    assert (bright_HW & mask_HW).sum() / (bright_HW | mask_HW).sum() > 0.85
                    seen.add(mask_HW.numpy().tobytes())
                else:
                    assert not (mask_FHW == 1).any()
    assert len(seen) > 8


def test_training_boxes_hold_what_they_mark(annotated: Callable[..., AnnotatedImages]) -> None:
    images = annotated(_Source(Marked), "boxes")
    first = list(images.train_dataloader())
    for batch in first:
        for image_HW, objects, position in zip(batch.image_BHW, batch.objects, batch.position_B, strict=True):
            if (position + 1) % 10:
                (right_4,) = objects.box_N4[objects.class_N == 1]
                rows, columns = np.nonzero(image_HW.numpy() > 128)
                edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                assert np.abs(right_4.numpy() - edges).max() <= 4
    again = annotated(_Source(Marked), "boxes").train_dataloader()
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.image_BHW, other.image_BHW)
        assert all(torch.equal(a.box_N4, b.box_N4) for a, b in zip(one.objects, other.objects, strict=True))


@pytest.mark.parametrize(
    ("drop_last", "batch_size", "train", "val", "test"),
    [
        (False, 5, [5, 5, 2], [3], [5]),
        (True, 5, [5, 5], [3], [5]),
        (True, 2, [2] * 6, [2], [2, 2, 1]),
        (True, 16, [12], [3], [5]),
    ],
)
def test_incomplete_batches(
    annotated: Callable[..., AnnotatedImages],
    caplog: pytest.LogCaptureFixture,
    drop_last: bool,
    batch_size: int,
    train: list[int],
    val: list[int],
    test: list[int],
) -> None:
    """Left out of training and validation, as published, unless there is no other; evaluation has every image."""
    with caplog.at_level(logging.WARNING):
        images = annotated(_Source(Marked), "boxes", drop_last=drop_last, batch_size=batch_size)
        assert [len(batch) for batch in images.train_dataloader()] == train
        assert [len(batch) for batch in images.val_dataloader()] == val
        assert [len(batch) for batch in images.judging_dataloader("test")] == test
    small = [name for name, count in (("train", 12), ("val", 3)) if drop_last and count < batch_size]
    assert [record.getMessage() for record in caplog.records] == [
        f"{name}: {12 if name == 'train' else 3} image(s), fewer than a batch of {batch_size}; all are used"
        for name in small
    ]


def test_what_vanishes_is_counted(annotated: Callable[..., AnnotatedImages], caplog: pytest.LogCaptureFixture) -> None:
    resize = [LongestSide(size=SIDE), albumentations.PadIfNeeded(min_height=SIDE, min_width=SIDE, fill=0)]
    crop = ImageTransform(resize=resize, ops=[albumentations.CenterCrop(48, 48)], mean=0.5, std=0.5)
    images = annotated(_Source(Small), "boxes", train_transform=crop, eval_transform=crop)
    with caplog.at_level(logging.WARNING):
        (batch, last) = images.judging_dataloader("test")
    # a column of 0.7 pixels becomes 0.45; the corner is cropped away
    assert [objects.class_N.tolist() for objects in (*batch.objects, *last.objects)] == [[0]] * 5
    assert images.vanished("test") == 10
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("test: 10 of 15 boxes lie outside the transformed images, or are smaller than a pixel")
    assert len(images.truth("test", 0).objects.box_N4) == 3
    masks = annotated(_Source(Small), "masks", train_transform=crop, eval_transform=crop)
    # both of "right" are one mask, of which nothing is left but one column
    assert masks.vanished("test") == 0


def test_pixels_of_an_original(annotated: Callable[..., AnnotatedImages]) -> None:
    images = annotated(_Source(Measured), "boxes")
    truth = images.truth("val", 1)
    assert (truth.height, truth.width) == (200, 160)
    np.testing.assert_allclose(truth.objects.box_N4, 2.0 * np.array([box_4 for _, box_4 in Marked.marks[:3]]))
    (batch,) = images.val_dataloader()
    back_N4 = images.to_original("val", 1).apply(batch.objects[1].box_N4)
    np.testing.assert_allclose(back_N4, truth.objects.box_N4, atol=2e-3)
    on_image_N4 = images.to_image("val", 1).apply(batch.objects[1].box_N4)
    np.testing.assert_allclose(2 * on_image_N4, back_N4, atol=1e-5)
    np.testing.assert_allclose(images.from_original("val", 1).apply(back_N4), on_image_N4, atol=1e-4)
    masks = annotated(_Source(Measured), "masks").truth("val", 1).mask_FHW
    np.testing.assert_array_equal(masks[1] == 1, _filled(Marked.marks[2][1]).repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("kind", ["boxes", "masks"])
def test_the_phantom_has_both(annotated: Callable[..., AnnotatedImages], kind: str) -> None:
    source = PhantomSource(seed=1, size=SIDE, train=9, val=3, test=4, prevalence=0.4)
    images = annotated(source, kind)
    images.setup()
    (batch,) = images.judging_dataloader("test")
    for position in range(4):
        names = {name for name, _ in source.table("test").boxes(position)}
        if kind == "boxes":
            found = {source.finding_names[finding] for finding in batch.objects[position].class_N}
        else:
            found = {
                name for name, mask in zip(source.finding_names, batch.mask_BFHW[position], strict=True) if mask.any()
            }
        # a thin thing may have no pixel of its own at this size
        assert found <= names
        assert len(names - found) <= 1
    # a last batch of one image is left out of training
    assert [len(part) for part in images.train_dataloader()] == [4, 4]
    assert {type(value) for value in batch.to("cpu").objects[0]} == {torch.Tensor}


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        (_Source(Plain), "boxes", r"has no boxes; choose one that has .* ask for masks \(task=segment\)"),
        (_Source(Plain), "masks", r"has no masks; choose one that has .* ask for boxes \(task=detect\)"),
        (_Source(Marked, test=0), "boxes", r"the test split has no usable image.*task\.judge_on=val"),
        (PhantomSource(seed=1, size=SIDE, train=3, val=2, test=2, prevalence=0.0), "boxes", "not one box, so nothing"),
        (PhantomSource(seed=1, size=SIDE, train=3, val=2, test=2, prevalence=0.0), "masks", "not one mask, so nothing"),
    ],
)
def test_what_cannot_be_is_said(
    annotated: Callable[..., AnnotatedImages], source: Any, kind: str, message: str
) -> None:
    def load() -> None:
        images = annotated(source, kind)
        images.train_dataloader()
        images.judging_dataloader("test")

    with pytest.raises(UserError, match=message):
        load()


def test_an_evaluation_that_turns_is_refused(annotated: Callable[..., AnnotatedImages]) -> None:
    turn = ImageTransform(resize=[], ops=[albumentations.Rotate(limit=(9, 9), p=1)], mean=0.5, std=0.5)
    with pytest.raises(UserError, match=r"transform\.eval turns"):
        annotated(_Source(Marked), "boxes", eval_transform=turn)


class Broken(Marked):
    image = Plain.image

    def boxes(self, index: int) -> list[tuple[str, np.ndarray]]:
        raise UserError(f"row {index} is no good")


@pytest.mark.parametrize("num_workers", [0, 1])
def test_what_is_wrong_with_marks_is_said_in_one_sentence(
    annotated: Callable[..., AnnotatedImages], num_workers: int
) -> None:
    with pytest.raises(UserError, match=r"^row 0 is no good$"):
        annotated(_Source(Broken), "boxes", num_workers=num_workers).split("test")
