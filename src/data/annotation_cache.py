"""Reads what is drawn on every image of a split once, shrinks it with the image, and keeps it in memory.

Axes: N boxes, M masks, R runs, H and W pixels.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from src.core.errors import UserError
from src.data.drawn import Drawn, Kind, read_drawn
from src.data.memory_cache import one_thread
from src.data.pair_split import PairSplit
from src.data.run_lengths import decode_mask, encode_mask
from src.data.sources import original_of
from src.data.transforms import ImageTransform

_CHUNK = 16


class Annotation(NamedTuple):
    """A ``Drawn`` on an image of ``height`` x ``width``, its masks as runs.

    ``findings``: how many boxes and masks of findings the data set has there; ``vanished``: of these, how many nothing
    is left of for evaluation.
    """

    height: int
    width: int
    box_N4: np.ndarray
    class_N: np.ndarray
    runs: tuple[np.ndarray, ...]
    class_M: np.ndarray
    findings: int
    vanished: int

    def drawn(self) -> Drawn:
        """With its masks as pixels."""
        masks = [decode_mask(run_R, self.height, self.width) for run_R in self.runs]
        mask_MHW = np.array(masks, dtype=np.uint8).reshape(-1, self.height, self.width)
        return Drawn(self.box_N4, self.class_N, mask_MHW, self.class_M)


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
        table = self.split.table
        original = original_of(table, index)
        height, width = original.image_height, original.image_width
        drawn = read_drawn(table, index, self.kind, self.names, height=height, width=width)
        # the marks move by the image's size alone
        blank_HW = np.zeros((height, width), dtype=np.uint8)
        small = self.split.transform.shrink_annotated(blank_HW, mask_MHW=drawn.mask_MHW, box_N4=drawn.box_N4)
        seen = self.evaluation.augment_annotated(small.image_HW, mask_MHW=small.mask_MHW, box_N4=small.box_N4, seed=0)
        kept_N = small.kept_N
        left = drawn._replace(class_N=drawn.class_N[kept_N]).followed(seen).findings()
        return Annotation(
            height=small.image_HW.shape[0],
            width=small.image_HW.shape[1],
            box_N4=small.box_N4,
            class_N=drawn.class_N[kept_N],
            runs=tuple(encode_mask(mask_HW) for mask_HW in small.mask_MHW),
            class_M=drawn.class_M,
            findings=drawn.findings(),
            vanished=drawn.findings() - left,
        )


def read_annotations(
    split: PairSplit, kind: Kind, names: Sequence[str], evaluation: ImageTransform, *, num_workers: int, title: str
) -> list[Annotation]:
    """What is drawn on each image of ``split``, in the pixels of ``split.shrunk``, with a progress bar.

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
