"""What every loss reads: the aligned embeddings of one batch of image-report pairs.

Axes: B images (and their reports), N those of the whole batch that the B are contrasted with, P patches or regions,
T words, D embedding width.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Candidates(NamedTuple):
    """What each image and each report is to be told apart from.

    ``image_ND``, ``text_ND``: the global vectors of all N pairs, the B own ones among them. ``own_B``: the place of
    each own pair among the N.
    """

    image_ND: Tensor
    text_ND: Tensor
    own_B: Tensor


@dataclass(frozen=True)
class Embeddings:
    """Projected embeddings of B image-report pairs, all vectors L2-normalised.

    ``image_global_BD``, ``text_global_BD``: one vector an image and one a report.
    ``image_local_BPD``, ``text_local_BTD``: one vector a patch and one a word.
    ``text_mask_BT``: bool, true where the position holds a word, false where it is padding.
    ``text_attention_BT``: what the report's [CLS] token attends to, summed over each word's pieces, not yet clipped.
    ``image_attention_BP``: what the image's class token attends to, not yet clipped; None where there is none (CNNs).
    ``image_candidate_ND``, ``text_candidate_ND``, ``own_B``: where the B pairs are a part of a larger batch, the global
    vectors of the whole of it and the own pairs' places there; None where the B pairs are all there is.
    """

    image_global_BD: Tensor
    text_global_BD: Tensor
    image_local_BPD: Tensor
    text_local_BTD: Tensor
    text_mask_BT: Tensor
    text_attention_BT: Tensor
    image_attention_BP: Tensor | None = None
    image_candidate_ND: Tensor | None = None
    text_candidate_ND: Tensor | None = None
    own_B: Tensor | None = None

    @property
    def candidates(self) -> Candidates:
        """The pairs that these are contrasted with: those of the whole batch, or these themselves."""
        if self.image_candidate_ND is None or self.text_candidate_ND is None or self.own_B is None:
            image_BD, text_BD = self.image_global_BD, self.text_global_BD
            return Candidates(image_BD, text_BD, torch.arange(len(image_BD), device=image_BD.device))
        return Candidates(self.image_candidate_ND, self.text_candidate_ND, self.own_B)
