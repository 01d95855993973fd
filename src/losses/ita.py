"""Instance-wise image-text alignment (ITA): each image finds its report within the batch, and the reverse.

Axes: B image-report pairs, N those of the whole batch that the B belong to, D embedding width.
"""

from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor
from torch.nn.functional import cross_entropy

from src.core.embeddings import Embeddings
from src.core.rules import Rules
from src.losses.base import Loss, require_positive


def directional_losses(embeddings: Embeddings, scale: Tensor | float) -> tuple[Tensor, Tensor]:
    """Cross entropy of each own pair's other half among all N: image to text, text to image.

    -1/B sum_i log( exp S_ii / sum_j exp S_ij )   and   -1/B sum_i log( exp S_ii / sum_j exp S_ji )

    of S = v t^T scale, with i over the B own pairs and j over the N, so that memory grows as B x N.
    """
    image_ND, text_ND, own_B = embeddings.candidates
    image_to_text_BN = embeddings.image_global_BD @ text_ND.mT * scale
    text_to_image_BN = embeddings.text_global_BD @ image_ND.mT * scale
    return cross_entropy(image_to_text_BN, own_B), cross_entropy(text_to_image_BN, own_B)


class InstanceAlignment(Loss):
    """L_ITA (MGCA, section 3.2) of the similarities S = v t^T / ``temperature``.

    ``rules``: corrected takes the mean of both directions, as the paper's 1/2N does; published takes their sum.
    Raises UserError for a temperature that is not above 0.
    """

    def __init__(self, *, weight: NonNegativeFloat, temperature: PositiveFloat, rules: Rules) -> None:
        super().__init__(weight=weight)
        require_positive(self, temperature=temperature)
        self.temperature = temperature
        self.rules = rules

    def compute(self, embeddings: Embeddings) -> Tensor:
        """A scalar, at least 0."""
        image_to_text, text_to_image = directional_losses(embeddings, 1 / self.temperature)
        both = image_to_text + text_to_image
        return both if self.rules == "published" else both / 2
