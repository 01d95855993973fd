"""How the prototypes are used: how many are in use, and whether an image and its report choose the same.

Axes: N studies, K prototypes, D embedding width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PrototypeUsage:
    """``image_count_K``, ``text_count_K``: how many images and reports are nearest to each prototype, int64."""

    image_count_K: Tensor
    text_count_K: Tensor
    agreement: float

    def figures(self) -> dict[str, float]:
        """``prototypes/effective_images`` and ``..._reports``, 1 to K; ``prototypes/agreement`` and its chance.

        Agreement is the fraction of studies whose image and report share their nearest prototype; chance is what the
        same usage would give with images and reports paired at random.
        """
        share_K = self.image_count_K.double() / self.image_count_K.sum()
        text_share_K = self.text_count_K.double() / self.text_count_K.sum()
        return {
            "prototypes/effective_images": effective_number(self.image_count_K),
            "prototypes/effective_reports": effective_number(self.text_count_K),
            "prototypes/agreement": self.agreement,
            "prototypes/chance_agreement": float((share_K * text_share_K).sum()),
        }


def prototype_usage(image_ND: Tensor, text_ND: Tensor, prototype_KD: Tensor) -> PrototypeUsage:
    """Assign each image and each report to its nearest prototype; the prototypes need not be normalised."""
    unit_DK = torch.nn.functional.normalize(prototype_KD.float(), dim=1).T
    image_N = (image_ND @ unit_DK).argmax(dim=1)
    text_N = (text_ND @ unit_DK).argmax(dim=1)
    count = len(prototype_KD)
    return PrototypeUsage(
        image_count_K=image_N.bincount(minlength=count),
        text_count_K=text_N.bincount(minlength=count),
        agreement=float((image_N == text_N).double().mean()),
    )


def effective_number(count_K: Tensor) -> float:
    """exp of the entropy of the shares: K where all are used alike, 1 where one takes everything."""
    share_K = count_K.double() / count_K.sum()
    return float(torch.special.entr(share_K).sum().exp())
