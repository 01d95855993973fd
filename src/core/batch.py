"""One batch of image-report pairs: as the loader's workers hand it over, and as the tasks read it.

Axes: B pairs, C channels, H and W pixels, L tokens, F findings.
"""

from dataclasses import dataclass, fields, replace

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


@dataclass(frozen=True)
class PixelBatch:
    """A ``PairBatch`` whose images are still grey bytes, a twelfth of its size on the way to the device.

    ``image_BHW``: uint8. ``mean`` and ``std``: of pixel values between 0 and 1, for ``normalise``.
    """

    image_BHW: Tensor
    token_BL: Tensor
    token_mask_BL: Tensor
    row_B: Tensor
    label_BF: Tensor
    mean: float
    std: float

    def __len__(self) -> int:
        return len(self.image_BHW)

    @property
    def image_BCHW(self) -> Tensor:  # noqa: N802
        """The images as a ``PairBatch`` has them."""
        return normalise(self.image_BHW, mean=self.mean, std=self.std)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> PairBatch:
        """The batch on ``device``, where its images become normalised floats."""
        there = replace(self, **{n: getattr(self, n).to(device, non_blocking=non_blocking) for n in _TENSORS})
        return PairBatch(there.image_BCHW, there.token_BL, there.token_mask_BL, there.row_B, there.label_BF)

    def pin_memory(self) -> "PixelBatch":
        """The same batch in page-locked memory; the DataLoader calls this."""
        return replace(self, **{n: getattr(self, n).pin_memory() for n in _TENSORS})


_TENSORS = ("image_BHW", "token_BL", "token_mask_BL", "row_B", "label_BF")


def normalise(image_BHW: Tensor, *, mean: float, std: float) -> Tensor:
    """uint8 (B, H, W) to float32 (B, 3, H, W), grey repeated, less the mean, over the standard deviation."""
    image_BHW = image_BHW.to(torch.float32).mul_(1 / (255 * std)).sub_(mean / std)
    return image_BHW.unsqueeze(1).expand(-1, 3, -1, -1).contiguous()
