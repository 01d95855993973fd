"""Image transforms: albumentations pipelines in two stages, the fixed one first so that its result can be cached.

Axes: H and W pixels, M masks, N boxes.
"""

import copy
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from pydantic import PositiveFloat

from src.core.errors import UserError
from src.data.axis_map import AxisMap
from src.data.sides import swapping_transforms

_CELLS = 16
# of a pixel: more than single precision loses, less than any turn of an image moves
_EDGE = 0.02
_INSIDE = 0.5
"""Of the weight of a pixel; one that is mixed of less than half of what was there lies outside."""


class Annotated(NamedTuple):
    """An image with its masks and boxes after one and the same geometry.

    ``box_N4``: float, left top right bottom in pixels. ``kept_N``: which of the boxes given are still in the image.
    """

    image_HW: np.ndarray
    mask_MHW: np.ndarray
    box_N4: np.ndarray
    kept_N: np.ndarray


class Traced(NamedTuple):
    """An image after a geometry, and where each of its pixels was taken from.

    ``source_2HW``: float64, x and y of its centre in pixels of the image before, counted from the outer left and top
    edge; NaN where it was taken from outside.
    """

    image_HW: np.ndarray
    source_2HW: np.ndarray


class ImageTransform:
    """Grey uint8 images of any size to the float32 images that the encoder reads.

    ``resize``: albumentations transforms that depend on the image alone; ``ops``: those that may be random, drawn
    anew for each image and epoch from the seed given; ``mean`` and ``std``: of pixel values between 0 and 1, by which
    ``core.batch.normalise`` makes floats of them. ``horizontal_flip``: the probability of mirroring an image, which is
    the last step; 0 for images whose findings, phrases or reports speak of left and right.
    """

    def __init__(
        self,
        *,
        resize: Sequence[Any],
        ops: Sequence[Any],
        mean: float,
        std: PositiveFloat,
        horizontal_flip: float = 0.0,
    ) -> None:
        from albumentations import Compose, HorizontalFlip

        if horizontal_flip is True or not 0 <= horizontal_flip <= 1:
            raise UserError(
                f"transform.horizontal_flip={str(horizontal_flip).lower()} is no probability of mirroring an image; "
                "give a number from 0 to 1, e.g. transform.horizontal_flip=0.5"
            )
        self.horizontal_flip = float(horizontal_flip)
        self.swapping_ops = swapping_transforms([*resize, *ops])
        if horizontal_flip:
            ops = [*ops, HorizontalFlip(p=horizontal_flip)]
        self.mean = mean
        self.std = std
        self._resize = Compose(list(resize))
        self._ops = Compose(list(ops))
        self._joint_resize = _with_boxes(resize)
        self._joint_ops = _with_boxes(ops)
        self._traced_ops = _linear(ops)
        self._shrink_maps: dict[tuple[int, int], AxisMap] = {}

    def shrink(self, image_HW: np.ndarray) -> np.ndarray:
        """The first stage: the same result every time, so it may be kept. uint8 in and out."""
        return self._resize(image=image_HW)["image"]

    def augment(self, image_HW: np.ndarray, *, seed: int) -> np.ndarray:
        """The second stage on a shrunk image; the same ``seed`` draws the same crop. uint8 in and out."""
        _reseed(self._ops.transforms, seed)
        return self._ops(image=image_HW)["image"]

    def annotated(self, image_HW: np.ndarray, *, mask_MHW: np.ndarray, box_N4: np.ndarray, seed: int) -> Annotated:
        """Both stages on an image and whatever is drawn on it, so that masks and boxes follow the image."""
        small = self.shrink_annotated(image_HW, mask_MHW=mask_MHW, box_N4=box_N4)
        result = self.augment_annotated(small.image_HW, mask_MHW=small.mask_MHW, box_N4=small.box_N4, seed=seed)
        return result._replace(kept_N=small.kept_N[result.kept_N])

    def shrink_annotated(self, image_HW: np.ndarray, *, mask_MHW: np.ndarray, box_N4: np.ndarray) -> Annotated:
        """The first stage of both."""
        return _through(self._joint_resize, image_HW, mask_MHW, box_N4)

    def augment_annotated(
        self, image_HW: np.ndarray, *, mask_MHW: np.ndarray, box_N4: np.ndarray, seed: int
    ) -> Annotated:
        """The second stage on what the first one gave."""
        _reseed(self._joint_ops.transforms, seed)
        return _through(self._joint_ops, image_HW, mask_MHW, box_N4)

    def augment_traced(self, image_HW: np.ndarray, *, seed: int) -> Traced:
        """The second stage on a shrunk image, with the place that each pixel was taken from.

        The coordinates of the pixels go through the very geometry, interpolated linearly, with a channel of ones that
        tells what was filled in from what was there. So a mask of any resolution can be sampled once, where it is.
        """
        height, width = image_HW.shape
        x_HW, y_HW = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        place_3HW = np.stack([x_HW, y_HW, np.ones((height, width))]).astype(np.float32)
        _reseed(self._traced_ops.transforms, seed)
        result = self._traced_ops(image=image_HW, masks=place_3HW)
        weighted_3HW = np.asarray(result["masks"], dtype=np.float64)
        inside_HW = weighted_3HW[2] > _INSIDE
        source_2HW = np.where(inside_HW, weighted_3HW[:2] / np.where(inside_HW, weighted_3HW[2], 1), np.nan)
        return Traced(result["image"], source_2HW)

    def axis_map(self, height: int, width: int) -> AxisMap:
        """From pixels of an image of ``height`` x ``width`` to pixels of what both stages make of it.

        It is found by sending boxes through both. Raises ``UserError`` where the stages turn, shear or mirror, or may.
        """
        return self._map_of(height, width, [*self._resize.transforms, *self._ops.transforms], self.annotated)

    def shrink_map(self, height: int, width: int) -> AxisMap:
        """The same of the first stage alone."""
        if (height, width) not in self._shrink_maps:

            def first(image_HW: np.ndarray, *, mask_MHW: np.ndarray, box_N4: np.ndarray, seed: int) -> Annotated:
                del seed
                return self.shrink_annotated(image_HW, mask_MHW=mask_MHW, box_N4=box_N4)

            self._shrink_maps[height, width] = self._map_of(height, width, self._resize.transforms, first)
        return self._shrink_maps[height, width]

    def _map_of(self, height: int, width: int, transforms: Sequence[Any], through: Callable[..., Annotated]) -> AxisMap:
        from albumentations import DualTransform, NoOp

        for transform in transforms:
            if isinstance(transform, DualTransform) and not isinstance(transform, NoOp) and 0 < transform.p < 1:
                raise UserError(
                    f"{type(transform).__name__} happens with p={transform.p}, so that pixels cannot be led back to "
                    "the image; leave it out of transform.eval, or set its p to 1"
                )
        edge_Y, edge_X = (np.linspace(0, side, _CELLS + 1) for side in (height, width))
        x, y = (grid.ravel() for grid in np.meshgrid(np.arange(_CELLS), np.arange(_CELLS)))
        box_N4 = np.stack([edge_X[x], edge_Y[y], edge_X[x + 1], edge_Y[y + 1]], axis=1)
        image_HW, no_mask = np.zeros((height, width), dtype=np.uint8), np.zeros((0, height, width), dtype=np.uint8)
        result = through(image_HW, mask_MHW=no_mask, box_N4=box_N4, seed=0)
        from_N4, to_N4 = box_N4[result.kept_N], result.box_N4.astype(np.float64)
        new_height, new_width = result.image_HW.shape
        scale_x, shift_x = _line(from_N4[:, ::2], to_N4[:, ::2], whole=width, side=new_width)
        scale_y, shift_y = _line(from_N4[:, 1::2], to_N4[:, 1::2], whole=height, side=new_height)
        return AxisMap(scale_x, scale_y, shift_x, shift_y)


def _with_boxes(transforms: Sequence[Any]) -> Any:
    from albumentations import BboxParams, Compose

    # without a transform albumentations warns that the boxes go through none
    boxes = BboxParams(format="pascal_voc", label_fields=["kept"]) if transforms else None
    return Compose(copy.deepcopy(list(transforms)), bbox_params=boxes)


def _linear(transforms: Sequence[Any]) -> Any:
    import cv2
    from albumentations import Compose

    return Compose(copy.deepcopy(list(transforms)), mask_interpolation=cv2.INTER_LINEAR)


def _through(compose: Any, image_HW: np.ndarray, mask_MHW: np.ndarray, box_N4: np.ndarray) -> Annotated:
    # albumentations cannot transform an empty stack of masks
    masks = {"masks": mask_MHW} if len(mask_MHW) else {}
    result = compose(image=image_HW, bboxes=box_N4, kept=np.arange(len(box_N4)), **masks)
    shape = result["image"].shape
    return Annotated(
        image_HW=result["image"],
        mask_MHW=np.asarray(result.get("masks", np.zeros((0, *shape), dtype=mask_MHW.dtype))),
        box_N4=np.asarray(result["bboxes"], dtype=np.float32).reshape(-1, 4),
        kept_N=np.asarray(result["kept"], dtype=np.int64),
    )


def _line(from_N2: np.ndarray, to_N2: np.ndarray, *, whole: int, side: int) -> tuple[float, float]:
    """Scale and shift along an axis, of ``whole`` pixels, to a frame of ``side``, by the boxes that it does not cut."""
    inside_N = (to_N2[:, 0] > _EDGE) & (to_N2[:, 1] < side - _EDGE)
    from_N2, to_N2 = from_N2[inside_N], to_N2[inside_N]
    if len(from_N2):
        scale, shift = np.polyfit(from_N2.ravel(), to_N2.ravel(), 1)
        # single precision blurs what is in truth a whole number of pixels
        scale, shift = np.round(scale * whole, 3) / whole, np.round(shift, 3)
        if np.abs(scale * from_N2 + shift - to_N2).max() < _EDGE:
            return float(scale), float(shift)
    raise UserError(
        "transform.eval turns, shears, mirrors or crops an image such that its pixels cannot be led back; judging "
        "boxes and masks needs a transform.eval that only scales, pads and crops"
    )


def _reseed(transforms: Sequence[Any], seed: int) -> None:
    # each transform gets its own stream: albumentations' own way gives all of them the same numbers
    for position, transform in enumerate(transforms):
        transform.set_random_seed(mix_seed(seed, position))


def mix_seed(*parts: int) -> int:
    """A 32-bit seed that depends on all of ``parts`` and on nothing else."""
    return zlib.crc32(np.array(parts, dtype=np.int64).tobytes())
