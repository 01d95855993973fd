"""One batch of image-report pairs, as the collate function makes it and the tasks read it.

Axes: B pairs, C channels, H and W pixels, L tokens, F findings.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class PairBatch:
    """B images with their tokenised reports.

    ``image_BCHW``: float32, normalised. ``token_BL``: int64, [CLS] first, padded at the end.
    ``token_mask_BL``: bool, true where a token stands. ``row_B``: int64, the pair's row in its table,
    the one identity that may be printed. ``label_BF``: float32, 1 present, 0 absent, NaN unknown; F may be 0.
    """

    image_BCHW: Tensor
    token_BL: Tensor
    token_mask_BL: Tensor
    row_B: Tensor
    label_BF: Tensor

    def __len__(self) -> int:
        return len(self.image_BCHW)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "PairBatch":
        """The same batch with every tensor on ``device``."""
        return PairBatch(**{f.name: getattr(self, f.name).to(device, non_blocking=non_blocking) for f in fields(self)})

    def pin_memory(self) -> "PairBatch":
        """The same batch in page-locked memory; the DataLoader calls this."""
        return PairBatch(**{f.name: getattr(self, f.name).pin_memory() for f in fields(self)})
