"""The published loss of segmentation: a focal loss (Lin et al. 2017) and the logarithm of a soft Dice.

Axes: B images, F findings, H and W pixels.
"""

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from src.core.dense import IGNORED
from src.core.precision import at_least_float32, without_autocast


class FocalLogDice(nn.Module):
    """``focal_weight x mean((1 - p_t)^gamma x -log p_t) - log((2 sum(p y) + smooth) / (sum(p) + sum(y) + smooth))``.

    ``p``: the probability, ``y``: the mask, ``p_t``: the probability of what is true. Mean and sums are over every
    pixel of the batch and every finding that is not ignored. Source: the released code of MGCA (Wang et al. 2022).
    """

    def __init__(self, *, focal_weight: NonNegativeFloat, gamma: NonNegativeFloat, smooth: NonNegativeFloat) -> None:
        super().__init__()
        self.focal_weight = focal_weight
        self.gamma = gamma
        self.smooth = smooth

    def forward(self, logit_BFHW: Tensor, mask_BFHW: Tensor) -> Tensor:
        """The loss, a scalar, in float32 whatever autocast says; 0 where everything is ignored.

        ``mask_BFHW``: 1 the finding, 0 background, ``IGNORED``.
        """
        with without_autocast(logit_BFHW):
            return self._compute(at_least_float32(logit_BFHW), mask_BFHW)

    def _compute(self, logit_BFHW: Tensor, mask_BFHW: Tensor) -> Tensor:
        known_BFHW = mask_BFHW != IGNORED
        true_BFHW = (mask_BFHW == 1).to(logit_BFHW.dtype)
        log_right_BFHW = logsigmoid(torch.where(mask_BFHW == 1, logit_BFHW, -logit_BFHW))
        log_wrong_BFHW = logsigmoid(torch.where(mask_BFHW == 1, -logit_BFHW, logit_BFHW))
        focal_BFHW = -(self.gamma * log_wrong_BFHW).exp() * log_right_BFHW
        focal = (focal_BFHW * known_BFHW).sum() / known_BFHW.sum().clamp(min=1)
        probability_BFHW = logit_BFHW.sigmoid() * known_BFHW
        shared = (probability_BFHW * true_BFHW).sum()
        both = probability_BFHW.sum() + true_BFHW.sum()
        log_dice = (2 * shared + self.smooth).log() - (both + self.smooth).log()
        return self.focal_weight * focal - log_dice
