"""What is drawn on one image: boxes or masks of findings, and regions to ignore.

Axes: N boxes, M masks, F findings, I ignored regions, H and W pixels.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch

from src.core.dense import IGNORED, Objects
from src.data.sources import BoxedTable, IgnoringTable, MaskedTable, Original, PairTable

Kind = Literal["boxes", "masks"]

_REGION = -1
"""In the place of a finding's position: a region to ignore."""
_SMALLEST = 1.0
"""Pixels; of a box that is narrower or lower nothing is left that a head could learn."""


class Drawn(NamedTuple):
    """``box_N4``: float32. ``class_N`` and ``class_M``: int64, the finding of each box and mask, -1 a region to ignore.

    ``mask_MHW``: uint8, 0 and 1, one a finding and one of all that is ignored.
    """

    box_N4: np.ndarray
    class_N: np.ndarray
    mask_MHW: np.ndarray
    class_M: np.ndarray

    def left(self) -> "Drawn":
        """What a head could learn of it: no box below a pixel, no mask without one."""
        large_N = (self.box_N4[:, 2:] - self.box_N4[:, :2] >= _SMALLEST).all(axis=1)
        there_M = self.mask_MHW.any(axis=(1, 2))
        return Drawn(self.box_N4[large_N], self.class_N[large_N], self.mask_MHW[there_M], self.class_M[there_M])

    def findings(self) -> int:
        """How many boxes and masks of findings there are."""
        return int((self.class_N != _REGION).sum() + (self.class_M != _REGION).sum())

    def objects(self) -> Objects:
        """The boxes as a head is given them."""
        ignored_N = self.class_N == _REGION
        return Objects(
            box_N4=torch.from_numpy(self.box_N4[~ignored_N]),
            class_N=torch.from_numpy(self.class_N[~ignored_N]),
            ignored_I4=torch.from_numpy(self.box_N4[ignored_N]),
        )

    def mask_FHW(self, count: int) -> np.ndarray:  # noqa: N802
        """The masks of ``count`` findings as a head is given them, uint8: 1, 0, and ``IGNORED`` where none is."""
        mask_FHW = np.zeros((count, *self.mask_MHW.shape[1:]), dtype=np.uint8)
        for mask_HW in self.mask_MHW[self.class_M == _REGION]:
            mask_FHW[:, mask_HW > 0] = IGNORED
        for mask_HW, finding in zip(self.mask_MHW, self.class_M, strict=True):
            if finding != _REGION:
                mask_FHW[finding][mask_HW > 0] = 1
        return mask_FHW


def read_drawn(table: PairTable, index: int, kind: Kind, names: Sequence[str], original: Original) -> Drawn:
    """What ``table`` knows of the findings ``names`` in an image.

    Boxes are in pixels of ``image(index)``, masks in those of its ``original``.
    Boxes are cut where they reach out of the image, and one without area there is none; masks of one finding are
    joined. The table is a ``BoxedTable`` or a ``MaskedTable``, as ``kind`` says.
    """
    position = {name: column for column, name in enumerate(names)}
    shape = original.height, original.width
    if kind == "boxes":
        box_N4, class_N = _boxes(table, index, position, original.image_height, original.image_width)
        return Drawn(box_N4, class_N, np.zeros((0, *shape), dtype=np.uint8), np.zeros(0, dtype=np.int64))
    joined = _masks(table, index, position)
    return Drawn(
        box_N4=np.zeros((0, 4), dtype=np.float32),
        class_N=np.zeros(0, dtype=np.int64),
        mask_MHW=np.array(list(joined.values()), dtype=np.uint8).reshape(-1, *shape),
        class_M=np.array(list(joined), dtype=np.int64),
    )


def _boxes(
    table: PairTable, index: int, position: dict[str, int], height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    assert isinstance(table, BoxedTable)
    chosen = [(position[name], box_4) for name, box_4 in table.boxes(index) if name in position]
    if isinstance(table, IgnoringTable):
        chosen += [(_REGION, box_4) for box_4 in table.ignored_boxes(index)]
    class_N = np.array([finding for finding, _ in chosen], dtype=np.int64)
    box_N4 = np.array([box_4 for _, box_4 in chosen], dtype=np.float32).reshape(-1, 4)
    box_N4 = np.clip(box_N4, 0, np.array([width, height, width, height], dtype=np.float32))
    real_N = (box_N4[:, 2:] > box_N4[:, :2]).all(axis=1)
    return box_N4[real_N], class_N[real_N]


def _masks(table: PairTable, index: int, position: dict[str, int]) -> dict[int, np.ndarray]:
    assert isinstance(table, MaskedTable)
    joined: dict[int, np.ndarray] = {}
    chosen = [(position[name], mask_HW) for name, mask_HW in table.masks(index) if name in position]
    if isinstance(table, IgnoringTable):
        chosen.append((_REGION, table.ignored_mask(index)))
    for finding, mask_HW in chosen:
        if mask_HW.any():
            joined[finding] = joined.get(finding, False) | mask_HW
    return joined
