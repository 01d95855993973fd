"""Instance-wise image-text alignment (ITA): each image finds its report within the batch, and the reverse.

Axes: B image-report pairs, D embedding width.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from src.core.embeddings import Embeddings
from src.core.rules import Rules
from src.losses.base import Loss, require_positive


def directional_losses(score_BB: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropy of the matching pair among the rows, and among the columns: image to text, text to image.

    -1/B sum_i log( exp S_ii / sum_j exp S_ij )   and   -1/B sum_i log( exp S_ii / sum_j exp S_ji )
    """
    own_B = torch.arange(len(score_BB), device=score_BB.device)
    return cross_entropy(score_BB, own_B), cross_entropy(score_BB.mT, own_B)


class InstanceAlignment(Loss):
    """L_ITA (MGCA, section 3.2) of the similarities S = v t^T / ``temperature``.

    ``rules``: corrected takes the mean of both directions, as the paper's 1/2N does; published takes their sum.
    Raises UserError for a temperature that is not above 0.
    """

    def __init__(self, *, weight: float, temperature: float, rules: Rules) -> None:
        super().__init__(weight=weight)
        require_positive(self, temperature=temperature)
        self.temperature = temperature
        self.rules = rules

    def compute(self, embeddings: Embeddings) -> Tensor:
        """A scalar, at least 0."""
        score_BB = embeddings.image_global_BD @ embeddings.text_global_BD.mT / self.temperature
        image_to_text, text_to_image = directional_losses(score_BB)
        both = image_to_text + text_to_image
        return both if self.rules == "published" else both / 2
