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

    def __getitem__(self, key: int) -> Sample:
        epoch, position = divmod(key, len(self))
        index = int(self.index_K[position])
        if self.image_KSS is None:
            image_HW = self.transform.shrink(self.table.image(index))
        else:
            image_HW = self.image_KSS[position].numpy()
        return Sample(
            image_HW=self.transform.augment(image_HW, seed=mix_seed(self.seed, epoch, index)),
            token_L=self._tokens[self._ends[position] : self._ends[position + 1]],
            row=self.table.row(index),
            label_F=self.label_KF[position],
        )
