"""Who the judged cases are.

Axes: N cases.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class CaseKeys:
    """``row_N``: int64, each case's row in its table. ``group_N``: int64, one number a patient, whose cases are drawn
    together when an interval is estimated. ``image_id_N``: the owner's names of the images, None where there are none.
    ``coco_id_N``: the ids of the images in their owner's COCO json, None for any other data set.
    """

    row_N: Tensor
    group_N: Tensor
    image_id_N: Sequence[str] | None
    coco_id_N: Sequence[int | str] | None = None

    def __len__(self) -> int:
        return len(self.row_N)

    @classmethod
    def of(cls, row_N: Tensor) -> "CaseKeys":
        """Cases that are nobody's but their own."""
        return cls(row_N=row_N, group_N=torch.arange(len(row_N)), image_id_N=None)

    def take(self, index_M: Tensor) -> "CaseKeys":
        """The cases at ``index_M``, in that order; one may come several times."""
        ids = None if self.image_id_N is None else np.asarray(self.image_id_N)[index_M.numpy()].tolist()
        numbers = None if self.coco_id_N is None else [self.coco_id_N[index] for index in index_M.tolist()]
        return CaseKeys(row_N=self.row_N[index_M], group_N=self.group_N[index_M], image_id_N=ids, coco_id_N=numbers)
