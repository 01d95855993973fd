"""Batches of images with boxes or masks for Lightning. Imported when a run starts, not before: lightning is heavy.

Axes: F findings, H and W pixels.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from torch.utils.data import DataLoader

from src.core.case_keys import CaseKeys
from src.core.dense import Objects
from src.core.errors import UserError
from src.data.annotation_cache import read_annotations
from src.data.axis_map import AxisMap
from src.data.datamodule import STAGES, LightningDataModule, PairDataModule
from src.data.dense_split import DenseCollate, DenseSplit
from src.data.drawn import Kind, read_drawn
from src.data.loader import make_loader
from src.data.packed_table import PackedTable
from src.data.sampler import EpochSampler
from src.data.sources import (
    SPLITS,
    BoxedTable,
    CocoIdSource,
    MaskedTable,
    Original,
    PairSource,
    PairTable,
    Split,
    original_of,
)
from src.data.unusable_images import Skipped
from src.data.usable import say


class Truth(NamedTuple):
    """What truly is in one image, untouched by any transform.

    ``height`` and ``width``: of the original. ``objects``: in its pixels; empty where masks are asked for.
    ``mask_FHW``: uint8 in its pixels, as ``DenseBatch`` has masks; F is 0 where boxes are asked for.
    """

    height: int
    width: int
    objects: Objects
    mask_FHW: np.ndarray


class AnnotatedImages(LightningDataModule):
    """The images of ``images`` with boxes or masks of their findings, as ``DensePixels``.

    ``images``: built without a tokenizer; its splits, fraction, cache, transforms, seeds and batches are used.
    ``kind``: what is asked for. Images without an object stay, as negatives.
    Boxes that a transform leaves no pixel of, or less than one across, are dropped; those, and masks, that judging
    cannot see for that reason are counted in one message a split.
    ``drop_last``: the training and validation loaders leave out the last incomplete batch, unless it is their only one.

    Raises ``UserError`` for a data set without boxes, or masks, and a ``transform.eval`` that does more than to scale,
    pad and crop.
    """

    def __init__(self, *, images: PairDataModule, kind: Kind, drop_last: bool = False) -> None:
        super().__init__()
        if not isinstance(images.source.table("train"), BoxedTable if kind == "boxes" else MaskedTable):
            other = "masks (task=segment)" if kind == "boxes" else "boxes (task=detect)"
            raise UserError(f"this data set has no {kind}; choose one that has with dataset=NAME, or ask for {other}")
        images.eval_transform.axis_map(_SOME_SIDE, _SOME_SIDE)
        self.images = images
        self.kind: Kind = kind
        self.drop_last = drop_last
        self._splits: dict[Split, DenseSplit] = {}
        self._maps: dict[tuple[int, int], AxisMap] = {}

    @property
    def source(self) -> PairSource:
        """The data set."""
        return self.images.source

    @property
    def finding_names(self) -> tuple[str, ...]:
        """The F findings, in the order of classes and masks."""
        return self.images.source.finding_names

    @property
    def skipped(self) -> list[Skipped]:
        """Images that cannot be used, of the splits prepared so far."""
        return self.images.skipped

    def setup(self, stage: str | None = None) -> None:
        """Prepare the splits that ``stage`` needs, once; see ``split``."""
        for name in STAGES.get(stage, SPLITS):
            self.split(name)

    def split(self, name: Split) -> DenseSplit:
        """One split, prepared when first asked for: images and what is drawn on them read.

        Raises ``UserError`` where the training split has nothing drawn on it.
        """
        if name not in self._splits:
            self._splits[name] = self._prepare(name)
        return self._splits[name]

    def vanished(self, name: Split) -> int:
        """How many boxes, or masks of findings, of a split are too small or outside once transformed for judging."""
        return sum(annotation.vanished for annotation in self.split(name).annotations)

    def case_keys(self, name: Split) -> CaseKeys:
        """Who the images of a split are, in the order of ``judging_dataloader``."""
        return self.images.case_keys(name)

    def coco_category_ids(self, name: Split) -> tuple[int | str, ...] | None:
        """The ids of the findings in their owner's COCO json of a split; None for any other data set."""
        return self.source.coco_category_ids(name) if isinstance(self.source, CocoIdSource) else None

    def train_dataloader(self) -> DataLoader:
        split = self.split("train")
        self.images.warn_of_mirroring()
        replicas, rank = (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)
        sampler = EpochSampler(split=split.pairs, replicas=replicas, rank=rank, seed=self.images.seed)
        # batch normalisation of a map of one pixel cannot train on one image
        alone = len(sampler) > 1 and len(sampler) % self.images.batch_size == 1
        return self._loader(split, sampler=sampler, drop_last=alone or self._drops_from(len(sampler)))

    def val_dataloader(self) -> DataLoader:
        split = self.split("val")
        if not len(split):
            raise UserError(
                "the validation split has no usable image, so no checkpoint can be chosen; check dataset and its splits"
            )
        return self._loader(split, drop_last=self._drops_from(len(split)))

    def judging_dataloader(self, name: Split) -> DataLoader:
        """Every image of a split, once and in order, without augmentation; UserError where there is none."""
        split = self.split(name)
        if not len(split):
            raise UserError(
                f"the {name} split has no usable image, so nothing can be judged on it; check dataset and its splits, "
                f"or give task.judge_on={'val' if name == 'test' else 'test'}"
            )
        return self._loader(split.with_transform(self.images.eval_transform))

    def truth(self, name: Split, position: int) -> Truth:
        """What is in the image at ``position``, as the data set has it."""
        table, index, original = self._at(name, position)
        drawn = read_drawn(table, index, self.kind, self.finding_names, original)
        to_original = original.to_image.inverse()
        box_N4, class_N, ignored_I4 = drawn.objects()
        return Truth(
            height=original.height,
            width=original.width,
            objects=Objects(to_original.apply(box_N4), class_N, to_original.apply(ignored_I4)),
            mask_FHW=drawn.mask_FHW(len(self.finding_names) if self.kind == "masks" else 0),
        )

    def image(self, name: Split, position: int) -> np.ndarray:
        """The image as its table gives it, uint8 (H, W); not to be written to."""
        table, index, _ = self._at(name, position)
        return table.image(index)

    def to_image(self, name: Split, position: int) -> AxisMap:
        """From pixels of a judged image, as the model sees it, to those of ``image``."""
        return self._seen_from(self._at(name, position)[2]).inverse()

    def to_original(self, name: Split, position: int) -> AxisMap:
        """From pixels of a judged image, as the model sees it, to those of its owner's original."""
        original = self._at(name, position)[2]
        return self._seen_from(original).inverse().then(original.to_image.inverse())

    def from_original(self, name: Split, position: int) -> AxisMap:
        """From pixels of the owner's original to those of ``image``."""
        return self._at(name, position)[2].to_image

    def _at(self, name: Split, position: int) -> tuple[PairTable, int, Original]:
        pairs = self.split(name).pairs
        index = int(pairs.index_K[position])
        return pairs.table, index, original_of(pairs.table, index)

    def _seen_from(self, original: Original) -> AxisMap:
        shape = original.image_height, original.image_width
        if shape not in self._maps:
            self._maps[shape] = self.images.eval_transform.axis_map(*shape)
        return self._maps[shape]

    def _drops_from(self, count: int) -> bool:
        """Whether the last incomplete batch of ``count`` images is left out: never the only one."""
        return self.drop_last and count >= self.images.batch_size

    def _loader(self, split: DenseSplit, **options: Any) -> DataLoader:
        transform, images = split.transform, self.images
        return make_loader(
            split,
            collate=DenseCollate(mean=transform.mean, std=transform.std),
            batch_size=images.batch_size,
            num_workers=images.num_workers,
            seed=images.seed,
            **options,
        )

    def _prepare(self, name: Split) -> DenseSplit:
        pairs = self.images.split(name)
        annotations = read_annotations(
            pairs,
            self.kind,
            self.finding_names,
            self.images.eval_transform,
            num_workers=self.images.num_workers,
            title=f"reading {name} {self.kind}",
        )
        findings = sum(annotation.findings for annotation in annotations)
        if name == "train" and not findings:
            raise UserError(_nothing_to_learn(pairs.table, self.kind))
        vanished = sum(annotation.vanished for annotation in annotations)
        if vanished:
            what = "boxes" if self.kind == "boxes" else "masks of findings"
            say(
                f"{name}: {vanished} of {findings} {what} lie outside the transformed images, or are smaller than a "
                "pixel there; training leaves them out, and judging still asks for them"
            )
        if self.drop_last and name != "test" and 0 < len(pairs) < self.images.batch_size:
            say(f"{name}: {len(pairs)} image(s), fewer than a batch of {self.images.batch_size}; all are used")
        masks = len(self.finding_names) if self.kind == "masks" else 0
        return DenseSplit(pairs=pairs, annotations=annotations, masks=masks)


_SOME_SIDE = 512


def _nothing_to_learn(table: PairTable, kind: Literal["boxes", "masks"]) -> str:
    what = f"the training split has not one {'box' if kind == 'boxes' else 'mask'}, so nothing can be learnt"
    if kind == "masks" and isinstance(table, PackedTable) and table.masks_from == "own":
        return f"{what}; where the data set has boxes, dataset.masks=boxes makes masks of them"
    return f"{what}; check dataset, or give a larger datamodule.fraction"
