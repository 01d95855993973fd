"""What dense tasks speak of: objects in boxes, findings in masks, and batches of images with either.

Axes: B images, C channels, H and W pixels, F findings (the classes of a head), N objects, I ignored regions.
Boxes are left, top, right, bottom in pixels, counted from the outer edges of the image, right and bottom exclusive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from src.core.batch import normalise

IGNORED = 255
"""In a mask, a pixel that is neither the finding nor background: it trains nothing and counts in no figure."""


class Objects(NamedTuple):
    """What truly is in one image. ``box_N4`` and ``ignored_I4``: float32. ``class_N``: int64, which finding.

    ``ignored_I4``: regions that are neither an object nor background.
    """

    box_N4: Tensor
    class_N: Tensor
    ignored_I4: Tensor


class Detections(NamedTuple):
    """What was found in one image. ``box_N4``: float32. ``score_N``: float32, 0 to 1. ``class_N``: int64."""

    box_N4: Tensor
    score_N: Tensor
    class_N: Tensor


@dataclass(frozen=True)
class DenseBatch:
    """B images with what is in them, in their own pixels; the one of ``mask_BFHW`` and ``objects`` that is asked for.

    ``image_BCHW``: float32, normalised. ``mask_BFHW``: uint8, 1 the finding, 0 background, ``IGNORED``; F is 0 where
    masks are not asked for. ``objects``: one an image, empty where boxes are not asked for. ``position_B``: int64, each
    image's position in its split. ``row_B``: int64, its row in its table, the one identity that may be printed.
    """

    image_BCHW: Tensor
    mask_BFHW: Tensor
    objects: Sequence[Objects]
    position_B: Tensor
    row_B: Tensor

    def __len__(self) -> int:
        return len(self.image_BCHW)


@dataclass(frozen=True)
class DensePixels:
    """A ``DenseBatch`` whose images are still grey bytes, as the loader's workers hand it over.

    ``image_BHW``: uint8. ``mean`` and ``std``: of pixel values between 0 and 1, for ``normalise``.
    """

    image_BHW: Tensor
    mask_BFHW: Tensor
    objects: Sequence[Objects]
    position_B: Tensor
    row_B: Tensor
    mean: float
    std: float

    def __len__(self) -> int:
        return len(self.image_BHW)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> DenseBatch:
        """The batch on ``device``, where its images become normalised floats."""

        def move(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=non_blocking)

        return DenseBatch(
            image_BCHW=normalise(move(self.image_BHW), mean=self.mean, std=self.std),
            mask_BFHW=move(self.mask_BFHW),
            objects=[Objects(*map(move, objects)) for objects in self.objects],
            position_B=move(self.position_B),
            row_B=move(self.row_B),
        )

    def pin_memory(self) -> "DensePixels":
        """The same batch in page-locked memory; the DataLoader calls this."""
        return DensePixels(
            image_BHW=self.image_BHW.pin_memory(),
            mask_BFHW=self.mask_BFHW.pin_memory(),
            objects=[Objects(*(tensor.pin_memory() for tensor in objects)) for objects in self.objects],
            position_B=self.position_B.pin_memory(),
            row_B=self.row_B.pin_memory(),
            mean=self.mean,
            std=self.std,
        )
