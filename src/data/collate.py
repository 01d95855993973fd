"""From single samples to one ``PixelBatch``.

Axes: B pairs, H and W pixels, L tokens, F findings.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from src.core.batch import PixelBatch
from src.data.transforms import ImageTransform


class Sample(NamedTuple):
    """One pair before it is batched: a grey uint8 image, int32 token ids, its row and its float32 labels."""

    image_HW: np.ndarray
    token_L: np.ndarray
    row: int
    label_F: np.ndarray


class PairCollate:
    """Stacks samples and pads their tokens; their images stay bytes until they are on the device."""

    def __init__(self, *, transform: ImageTransform, pad_id: int, width: int | None) -> None:
        """``width``: tokens a report is padded to; None pads to the longest report of the batch."""
        self.transform = transform
        self.pad_id = pad_id
        self.width = width

    def __call__(self, samples: Sequence[Sample]) -> PixelBatch:
        image_BHW = torch.from_numpy(np.stack([sample.image_HW for sample in samples]))
        token_BL, token_mask_BL = pad_tokens([sample.token_L for sample in samples], self.pad_id, self.width)
        return PixelBatch(
            image_BHW=image_BHW,
            token_BL=torch.from_numpy(token_BL),
            token_mask_BL=torch.from_numpy(token_mask_BL),
            row_B=torch.tensor([sample.row for sample in samples], dtype=torch.int64),
            label_BF=torch.from_numpy(np.stack([sample.label_F for sample in samples])),
            mean=self.transform.mean,
            std=self.transform.std,
        )


def pad_tokens(reports: Sequence[np.ndarray], pad_id: int, width: int | None) -> tuple[np.ndarray, np.ndarray]:
    """``reports`` as one int64 (B, L) array filled up with ``pad_id``, and a bool (B, L) mask of the real tokens.

    ``width`` is L; None takes the longest report's length.
    """
    length_B = np.array([len(report) for report in reports])
    mask_BL = np.arange(width or length_B.max()) < length_B[:, None]
    token_BL = np.full(mask_BL.shape, pad_id, dtype=np.int64)
    token_BL[mask_BL] = np.concatenate(reports)
    return token_BL, mask_BL
