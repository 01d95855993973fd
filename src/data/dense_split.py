"""One split of images with what is drawn on them, ready to be batched.

Axes: B images, F findings, H and W pixels.
"""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from src.core.dense import DensePixels, Objects
from src.data.annotation_cache import Annotation
from src.data.pair_split import PairSplit
from src.data.transforms import ImageTransform


class DenseSample(NamedTuple):
    """One image before it is batched, grey uint8, with its masks and objects as ``DenseBatch`` has them."""

    image_HW: np.ndarray
    mask_FHW: np.ndarray
    objects: Objects
    position: int
    row: int


class DenseSplit(Dataset[DenseSample]):
    """The images of ``pairs`` with their ``annotations``, one an image, after both stages of the transform.

    ``masks``: how many findings have a mask each; 0 where boxes are asked for. Keys are those of ``PairSplit``.
    """

    def __init__(self, *, pairs: PairSplit, annotations: Sequence[Annotation], masks: int) -> None:
        self.pairs = pairs
        self.annotations = annotations
        self.masks = masks

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def transform(self) -> ImageTransform:
        """What the images go through."""
        return self.pairs.transform

    def with_transform(self, transform: ImageTransform) -> "DenseSplit":
        """The same images under another transform, whose first stage must be the same."""
        other = copy.copy(self)
        other.pairs = self.pairs.with_transform(transform)
        return other

    def __getitem__(self, key: int) -> DenseSample:
        position = key % len(self)
        annotation, seed = self.annotations[position], self.pairs.augmentation(key)
        small_HW = self.pairs.shrunk(position)
        if self.masks:
            traced = self.transform.augment_traced(small_HW, seed=seed)
            image_HW, drawn = traced.image_HW, annotation.masks_in(traced)
        else:
            no_mask = np.zeros((0, *small_HW.shape), dtype=np.uint8)
            result = self.transform.augment_annotated(small_HW, mask_MHW=no_mask, box_N4=annotation.box_N4, seed=seed)
            image_HW, drawn = result.image_HW, annotation.boxes_in(result)
        return DenseSample(image_HW, drawn.mask_FHW(self.masks), drawn.objects(), position, self.pairs.row(position))


class DenseCollate:
    """Stacks samples; their images stay bytes until they are on the device."""

    def __init__(self, *, mean: float, std: float) -> None:
        self.mean = mean
        self.std = std

    def __call__(self, samples: Sequence[DenseSample]) -> DensePixels:
        return DensePixels(
            image_BHW=torch.from_numpy(np.stack([sample.image_HW for sample in samples])),
            mask_BFHW=torch.from_numpy(np.stack([sample.mask_FHW for sample in samples])),
            objects=[sample.objects for sample in samples],
            position_B=torch.tensor([sample.position for sample in samples], dtype=torch.int64),
            row_B=torch.tensor([sample.row for sample in samples], dtype=torch.int64),
            mean=self.mean,
            std=self.std,
        )
