"""Image transforms: albumentations pipelines in two stages, the fixed one first so that its result can be cached.

Axes: H and W pixels, M masks, N boxes.
"""

import copy
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Annotated(NamedTuple):
    """An image with its masks and boxes after one and the same geometry.

    ``box_N4``: float, left top right bottom in pixels. ``kept_N``: which of the boxes given are still in the image.
    """

    image_HW: np.ndarray
    mask_MHW: np.ndarray
    box_N4: np.ndarray
    kept_N: np.ndarray


class ImageTransform:
    """Grey uint8 images of any size to the float32 images that the encoder reads.

    ``resize``: albumentations transforms that depend on the image alone; ``ops``: those that may be random, drawn
    anew for each image and epoch from the seed given; ``mean`` and ``std``: of pixel values between 0 and 1, by which
    ``core.batch.normalise`` makes floats of them.
    """

    def __init__(self, *, resize: Sequence[Any], ops: Sequence[Any], mean: float, std: float) -> None:
        from albumentations import BboxParams, Compose

        self.mean = mean
        self.std = std
        self._resize = Compose(list(resize))
        self._ops = Compose(list(ops))
        self._joint = Compose(
            [*copy.deepcopy(list(resize)), *copy.deepcopy(list(ops))],
            bbox_params=BboxParams(format="pascal_voc", label_fields=["kept"]),
        )
        self._joint_ops = self._joint.transforms[len(resize) :]

    def shrink(self, image_HW: np.ndarray) -> np.ndarray:
        """The first stage: the same result every time, so it may be kept. uint8 in and out."""
        return self._resize(image=image_HW)["image"]

    def augment(self, image_HW: np.ndarray, *, seed: int) -> np.ndarray:
        """The second stage on a shrunk image; the same ``seed`` draws the same crop. uint8 in and out."""
        _reseed(self._ops.transforms, seed)
        return self._ops(image=image_HW)["image"]

    def annotated(self, image_HW: np.ndarray, *, mask_MHW: np.ndarray, box_N4: np.ndarray, seed: int) -> Annotated:
        """Both stages on an image and whatever is drawn on it, so that masks and boxes follow the image."""
        _reseed(self._joint_ops, seed)
        # albumentations cannot transform an empty stack of masks
        masks = {"masks": mask_MHW} if len(mask_MHW) else {}
        result = self._joint(image=image_HW, bboxes=box_N4, kept=np.arange(len(box_N4)), **masks)
        shape = result["image"].shape
        return Annotated(
            image_HW=result["image"],
            mask_MHW=np.asarray(result.get("masks", np.zeros((0, *shape), dtype=mask_MHW.dtype))),
            box_N4=np.asarray(result["bboxes"], dtype=np.float32).reshape(-1, 4),
            kept_N=np.asarray(result["kept"], dtype=np.int64),
        )


def _reseed(transforms: Sequence[Any], seed: int) -> None:
    # each transform gets its own stream: albumentations' own way gives all of them the same numbers
    for position, transform in enumerate(transforms):
        transform.set_random_seed(mix_seed(seed, position))


def mix_seed(*parts: int) -> int:
    """A 32-bit seed that depends on all of ``parts`` and on nothing else."""
    return zlib.crc32(np.array(parts, dtype=np.int64).tobytes())
