"""Cross-attention-based token-wise alignment (CTA): words find their patches, patches their words.

Axes: B image-report pairs, P patches, T words, D embedding width; Q the tokens that ask and K those that answer
(words and patches, or patches and words).
"""

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor
from torch.nn.functional import normalize

from src.core.embeddings import Embeddings
from src.core.rules import Rules
from src.losses.base import Loss, require_positive

LOW, HIGH = 0.1, 0.9


class CrossTokenAlignment(Loss):
    """L_CTA (MGCA, section 3.3) of the patches p and the words w of each pair.

    Each word attends to the patches, and is to be recognised from what it found among the report's other words:

        a_jk = softmax_k(w_j p_k / temperature),   o_j = normalise(sum_k a_jk p_k),   S_jl = w_j o_l / temperature
        word loss = -1/2B sum_pairs sum_j weight_j [ log softmax_l(S_jl)(j) + log softmax_l(S_lj)(j) ]

    The patch loss has the roles swapped. The loss is their sum, or the word loss alone unless ``bidirectional``.
    The weights come from the encoders' attention, see ``clipped_weights``; an image without any weighs all patches
    alike. No gradient flows through the weights.

    ``rules``: corrected counts words alone in every softmax. published keeps padding in the softmaxes over S, and
    does not normalise what the patches of an encoder with attention (a ViT) found.
    Raises UserError for a temperature that is not above 0.
    """

    def __init__(
        self, *, weight: NonNegativeFloat, temperature: PositiveFloat, bidirectional: bool, rules: Rules
    ) -> None:
        super().__init__(weight=weight)
        require_positive(self, temperature=temperature)
        self.temperature = temperature
        self.bidirectional = bidirectional
        self.rules = rules

    def compute(self, embeddings: Embeddings) -> Tensor:
        """A scalar, at least 0."""
        mask_BT, attention_BT = embeddings.text_mask_BT, embeddings.text_attention_BT
        counted_BT = torch.ones_like(mask_BT) if self.rules == "published" else mask_BT
        word_BTD = embeddings.text_local_BTD.masked_fill(~counted_BT.unsqueeze(-1), 0)
        patch_BPD = embeddings.image_local_BPD

        weight_BT = clipped_weights(attention_BT, counted_BT & (attention_BT != 0))
        found_BTD = normalize(attend(word_BTD, patch_BPD, None, self.temperature), dim=-1)
        word_loss = recognition_loss(word_BTD, found_BTD, weight_BT, counted_BT, self.temperature)
        if not self.bidirectional:
            return word_loss

        attention_BP = embeddings.image_attention_BP
        found_BPD = attend(patch_BPD, word_BTD, mask_BT, self.temperature)
        if self.rules == "corrected" or attention_BP is None:
            found_BPD = normalize(found_BPD, dim=-1)
        if attention_BP is None:
            attention_BP = torch.ones_like(patch_BPD[..., 0])
        every_BP = torch.ones_like(attention_BP, dtype=torch.bool)
        weight_BP = clipped_weights(attention_BP, every_BP)
        return word_loss + recognition_loss(patch_BPD, found_BPD, weight_BP, every_BP, self.temperature)


def attend(query_BQD: Tensor, key_BKD: Tensor, mask_BK: Tensor | None, temperature: float) -> Tensor:
    """What each query finds among the keys where ``mask_BK`` is true: softmax(query key^T / temperature) key."""
    score_BQK = query_BQD @ key_BKD.mT / temperature
    if mask_BK is not None:
        score_BQK = _hide(score_BQK, mask_BK.unsqueeze(1))
    return score_BQK.softmax(dim=-1) @ key_BKD


def recognition_loss(
    token_BQD: Tensor, found_BQD: Tensor, weight_BQ: Tensor, mask_BQ: Tensor, temperature: float
) -> Tensor:
    """Cross entropy of each token among all that was found, and of what it found among all tokens.

    The mean of the two, weighted over the tokens where ``mask_BQ`` is true, averaged over the batch. The weight is
    expected to be 0 elsewhere.
    """
    pair_BQQ = mask_BQ.unsqueeze(2) & mask_BQ.unsqueeze(1)
    score_BQQ = _hide(token_BQD @ found_BQD.mT / temperature, pair_BQQ)
    # transposed rather than over dim 1, where PyTorch's float32 softmax is less exact on the CPU
    log_BQQ = score_BQQ.log_softmax(dim=2) + score_BQQ.mT.log_softmax(dim=2)
    return -(weight_BQ * log_BQQ.diagonal(dim1=1, dim2=2)).sum(dim=1).mean() / 2


@torch.no_grad()
def clipped_weights(attention_BT: Tensor, counted_BT: Tensor) -> Tensor:
    """The attention of each row, clipped to its 10th and 90th percentile and divided by its sum.

    Only positions where ``counted_BT`` is true count; the others, and rows without any, get 0.
    """
    last = torch.finfo(attention_BT.dtype).max
    sorted_BT = attention_BT.masked_fill(~counted_BT, last).sort(dim=1).values
    count_B1 = counted_BT.sum(dim=1, keepdim=True)
    low_B1, high_B1 = (_quantile(sorted_BT, count_B1, fraction) for fraction in (LOW, HIGH))
    clipped_BT = attention_BT.clamp(low_B1, high_B1).masked_fill(~counted_BT, 0)
    return clipped_BT / clipped_BT.sum(dim=1, keepdim=True).clamp_min(torch.finfo(attention_BT.dtype).tiny)


def _quantile(sorted_BT: Tensor, count_B1: Tensor, fraction: float) -> Tensor:
    """torch.quantile, linear between neighbours, over the first ``count_B1`` values of each sorted row, (B, 1)."""
    rank_B1 = (count_B1 - 1).clamp_min(0).to(sorted_BT.dtype) * fraction
    below_B1, above_B1 = (sorted_BT.gather(1, rank.long()) for rank in (rank_B1.floor(), rank_B1.ceil()))
    return below_B1.lerp(above_B1, rank_B1.frac())


def _hide(score: Tensor, mask: Tensor) -> Tensor:
    """Scores that weigh nothing in a softmax where the mask is false; finite, so that nothing but them is no NaN."""
    return score.masked_fill(~mask, torch.finfo(score.dtype).min)
