"""One split, ready to be batched: captions cleaned and tokenised, images cached or read when asked for.

Axes: K kept pairs, S pixels a side, F findings.
"""

import copy
from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from src.data.collate import Sample
from src.data.sources import PairTable
from src.data.transforms import ImageTransform, mix_seed


class PairSplit(Dataset[Sample]):
    """The kept pairs of one table.

    A key is ``epoch * len(self) + position``: the position says which pair, the epoch which augmentation.
    """

    def __init__(
        self,
        *,
        table: PairTable,
        index_K: np.ndarray,
        captions: Sequence[str],
        tokens: Sequence[Sequence[int]],
        transform: ImageTransform,
        seed: int,
        image_KSS: Tensor | None,
    ) -> None:
        self.table = table
        self.index_K = index_K
        self.captions = list(captions)
        self.transform = transform
        # here and not in the workers: some tables work their labels out when first asked
        self.label_KF = np.asarray(table.label_NF[index_K], dtype=np.float32)
        self.seed = seed
        self.image_KSS = image_KSS
        # one flat array: workers share its pages, which they would copy for a list of lists
        self._tokens = np.fromiter((token for report in tokens for token in report), dtype=np.int32)
        self._ends = np.cumsum([0, *(len(report) for report in tokens)])

    def __len__(self) -> int:
        return len(self.index_K)

    def with_transform(self, transform: ImageTransform) -> "PairSplit":
        """The same pairs under another transform, whose first stage must be the same; nothing is copied."""
        other = copy.copy(self)
        other.transform = transform
        return other

    def shrunk(self, position: int) -> np.ndarray:
        """An image after the transform's first stage, uint8 (H, W); not to be written to."""
        if self.image_KSS is None:
            return self.transform.shrink(self.table.image(int(self.index_K[position])))
        return self.image_KSS[position].numpy()

    def row(self, position: int) -> int:
        """The pair's row in its table."""
        return self.table.row(int(self.index_K[position]))

    def augmentation(self, key: int) -> int:
        """The seed by which the second stage is drawn for a key."""
        epoch, position = divmod(key, len(self))
        return mix_seed(self.seed, epoch, int(self.index_K[position]))

    def __getitem__(self, key: int) -> Sample:
        position = key % len(self)
        return Sample(
            image_HW=self.transform.augment(self.shrunk(position), seed=self.augmentation(key)),
            token_L=self._tokens[self._ends[position] : self._ends[position + 1]],
            row=self.row(position),
            label_F=self.label_KF[position],
        )
