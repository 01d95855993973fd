"""Cross-modal prototype alignment (CPA): an image predicts the cluster of its report, and the reverse.

Axes: B image-report pairs, N those of the whole batch that the B belong to, K prototypes, D embedding width.
"""

import math
from typing import Annotated, ClassVar

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import normalize

from src.core.embeddings import Embeddings
from src.core.precision import at_least_float32
from src.core.rules import Rules
from src.losses.base import Loss, require_positive
from src.losses.sinkhorn import sinkhorn


def prediction_loss(score_BK: Tensor, code_BK: Tensor, temperature: float) -> Tensor:
    """-1/B sum_i sum_k q_ik log softmax_k(s_ik / temperature), the cross entropy of codes q and scores s."""
    return -(code_BK * (score_BK / temperature).log_softmax(dim=1)).sum(dim=1).mean()


class CrossPrototypeAlignment(Loss):
    """L_CPA (MGCA, section 3.4) of the scores s = v C^T and t C^T against the prototypes C.

        q = sinkhorn(s / epsilon) of all N pairs, without gradient
        L_CPA = 1/2 [ prediction_loss(s_t, q_v) + prediction_loss(s_v, q_t) ]

    ``prototypes_KD`` is the one parameter. As in SwAV, its rows are set to unit length before every use, and its
    gradient is that of the unit rows: the length is reset rather than differentiated through. In the first
    ``freeze_epochs`` epochs ``after_backward`` drops this gradient.

    ``rules`` changes nothing here: released code and paper agree. It is taken so that one switch serves all losses.
    Raises UserError for a setting that must be above 0 and is not.
    """

    stops_gradient: ClassVar[bool] = True

    def __init__(
        self,
        *,
        weight: NonNegativeFloat,
        embedding_dim: PositiveInt,
        num_prototypes: int,
        temperature: PositiveFloat,
        epsilon: PositiveFloat,
        sinkhorn_iterations: Annotated[int, Field(ge=1, le=1000)],
        freeze_epochs: NonNegativeInt,
        rules: Rules,
    ) -> None:
        super().__init__(weight=weight)
        require_positive(self, embedding_dim=embedding_dim, num_prototypes=num_prototypes, temperature=temperature)
        require_positive(self, epsilon=epsilon, sinkhorn_iterations=sinkhorn_iterations)
        self.temperature = temperature
        self.epsilon = epsilon
        self.sinkhorn_iterations = sinkhorn_iterations
        self.freeze_epochs = freeze_epochs
        self.rules = rules
        self.prototypes_KD = nn.Parameter(torch.empty(num_prototypes, embedding_dim))
        nn.init.kaiming_uniform_(self.prototypes_KD, a=math.sqrt(5))

    def compute(self, embeddings: Embeddings) -> Tensor:
        """A scalar, at least 0."""
        with torch.no_grad():
            self.prototypes_KD.copy_(normalize(at_least_float32(self.prototypes_KD), dim=1))
        prototype_DK = self.prototypes_KD.to(embeddings.image_global_BD.dtype).mT
        image_ND, text_ND, own_B = embeddings.candidates
        image_code_BK = self._codes(image_ND @ prototype_DK)[own_B]
        text_code_BK = self._codes(text_ND @ prototype_DK)[own_B]
        image_to_text = prediction_loss(embeddings.text_global_BD @ prototype_DK, image_code_BK, self.temperature)
        text_to_image = prediction_loss(embeddings.image_global_BD @ prototype_DK, text_code_BK, self.temperature)
        return (image_to_text + text_to_image) / 2

    def after_backward(self, *, epoch: int) -> None:
        """Drop the prototypes' gradient while ``epoch``, counted from 0, is below ``freeze_epochs``."""
        if epoch < self.freeze_epochs:
            self.prototypes_KD.grad = None

    @torch.no_grad()
    def _codes(self, score_NK: Tensor) -> Tensor:
        return sinkhorn(score_NK, epsilon=self.epsilon, iterations=self.sinkhorn_iterations)
