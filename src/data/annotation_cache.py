"""Reads what is drawn on every image of a split once and keeps it: boxes shrunk with their image, masks whole.

Axes: N boxes, M masks, R runs, H and W pixels.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from src.core.errors import UserError
from src.data.axis_map import AxisMap
from src.data.drawn import Drawn, Kind, read_drawn
from src.data.memory_cache import one_thread
from src.data.pair_split import PairSplit
from src.data.run_lengths import encode_mask, sample_mask
from src.data.sources import original_of
from src.data.transforms import Annotated, ImageTransform, Traced

_CHUNK = 16
_DIGITS = 9


class Annotation(NamedTuple):
    """What is drawn on one image, before the second stage of its transform.

    ``box_N4`` and ``class_N``: in pixels of the shrunk image. ``runs`` and ``class_M``: masks of the original, which
    has ``height`` and ``width``. ``to_original``: from pixels of the shrunk image. ``findings``: how many boxes and
    masks of findings the data set has there; ``vanished``: how many of these are lost on the way to evaluation.
    """

    box_N4: np.ndarray
    class_N: np.ndarray
    runs: tuple[np.ndarray, ...]
    class_M: np.ndarray
    height: int
    width: int
    to_original: AxisMap
    findings: int
    vanished: int

    def boxes_in(self, result: Annotated) -> Drawn:
        """The boxes once the second stage has moved them to ``result``."""
        no_mask = np.zeros((0, *result.image_HW.shape), dtype=np.uint8)
        return Drawn(result.box_N4, self.class_N[result.kept_N], no_mask, np.zeros(0, dtype=np.int64)).left()

    def masks_in(self, result: Traced) -> Drawn:
        """The masks at the pixels of ``result``: each takes the value of the original's pixel that its centre lies in.

        So a mask is resampled once, whatever the store, the resize and the augmentation do to its image.
        """
        inside_HW, row_S, column_S = self._pixels(result.source_2HW)
        mask_MHW = np.zeros((len(self.runs), *inside_HW.shape), dtype=np.uint8)
        for mask_HW, run_R in zip(mask_MHW, self.runs, strict=True):
            mask_HW[inside_HW] = sample_mask(run_R, self.width, row_S, column_S)
        no_box = np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.int64)
        return Drawn(*no_box, mask_MHW, self.class_M).left()

    def _pixels(self, source_2HW: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Which places lie in the original, and the row and column of its pixel there."""
        moved = self.to_original
        # what a division loses must not decide between two pixels
        column_HW = np.floor(np.round(source_2HW[0] * moved.scale_x + moved.shift_x, _DIGITS))
        row_HW = np.floor(np.round(source_2HW[1] * moved.scale_y + moved.shift_y, _DIGITS))
        inside_HW = (column_HW >= 0) & (column_HW < self.width) & (row_HW >= 0) & (row_HW < self.height)
        return inside_HW, row_HW[inside_HW].astype(np.int64), column_HW[inside_HW].astype(np.int64)


class _Reading(Dataset[Annotation | str]):
    def __init__(self, split: PairSplit, kind: Kind, names: Sequence[str], evaluation: ImageTransform) -> None:
        self.split = split
        self.kind: Kind = kind
        self.names = names
        self.evaluation = evaluation

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, position: int) -> Annotation | str:
        try:
            return self._read(int(self.split.index_K[position]))
        except UserError as error:
            # a worker's exception would reach the user as a traceback
            return str(error)

    def _read(self, index: int) -> Annotation:
        table, transform = self.split.table, self.split.transform
        original = original_of(table, index)
        height, width = original.image_height, original.image_width
        drawn = read_drawn(table, index, self.kind, self.names, original)
        # the marks move by the image's size alone
        blank_HW, no_mask = np.zeros((height, width), dtype=np.uint8), np.zeros((0, height, width), dtype=np.uint8)
        small = transform.shrink_annotated(blank_HW, mask_MHW=no_mask, box_N4=drawn.box_N4)
        annotation = Annotation(
            box_N4=small.box_N4,
            class_N=drawn.class_N[small.kept_N],
            runs=tuple(encode_mask(mask_HW) for mask_HW in drawn.mask_MHW),
            class_M=drawn.class_M,
            height=original.height,
            width=original.width,
            to_original=original.to_image.then(transform.shrink_map(height, width)).inverse(),
            findings=drawn.findings(),
            vanished=0,
        )
        return annotation._replace(vanished=drawn.findings() - self._seen(annotation, small.image_HW).findings())

    def _seen(self, annotation: Annotation, small_HW: np.ndarray) -> Drawn:
        if self.kind == "masks":
            return annotation.masks_in(self.evaluation.augment_traced(small_HW, seed=0))
        no_mask = np.zeros((0, *small_HW.shape), dtype=np.uint8)
        return annotation.boxes_in(
            self.evaluation.augment_annotated(small_HW, mask_MHW=no_mask, box_N4=annotation.box_N4, seed=0)
        )


def read_annotations(
    split: PairSplit, kind: Kind, names: Sequence[str], evaluation: ImageTransform, *, num_workers: int, title: str
) -> list[Annotation]:
    """What is drawn on each image of ``split``, with a progress bar.

    ``evaluation``: under whose second stage what vanishes is counted. Raises ``UserError`` for what cannot be read.
    """
    from tqdm import tqdm

    loader = DataLoader(
        _Reading(split, kind, names, evaluation),
        batch_size=_CHUNK,
        num_workers=num_workers,
        collate_fn=list,
        worker_init_fn=one_thread,
        generator=torch.Generator(),
    )
    read: list[Annotation] = []
    for chunk in tqdm(loader, desc=title, unit="batch", leave=False, disable=None):
        for annotation in chunk:
            if isinstance(annotation, str):
                raise UserError(annotation)
            read.append(annotation)
    return read
