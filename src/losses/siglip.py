"""SigLIP's loss: every image-report pair of the batch is judged alone, matching or not.

Axes: B image-report pairs, N those of the whole batch that the B belong to, D embedding width.
"""

import math

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from src.core.embeddings import Embeddings
from src.core.precision import at_least_float32
from src.losses.base import Loss, require_positive


class SiglipLoss(Loss):
    """-1/B sum_ij log sigmoid( z_ij (v_i t_j / temperature + bias) ), z_ij = 1 if i = j, else -1 (Zhai et al. 2023).

    The images i are the B own ones and the reports j all N.
    ``temperature`` and ``bias`` are where learning starts. Raises UserError for a temperature that is not above 0.
    """

    def __init__(self, *, weight: NonNegativeFloat, temperature: PositiveFloat, bias: float) -> None:
        super().__init__(weight=weight)
        require_positive(self, temperature=temperature)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    def compute(self, embeddings: Embeddings) -> Tensor:
        """A scalar, at least 0."""
        scale, bias = at_least_float32(self.log_scale).exp(), at_least_float32(self.bias)
        _, text_ND, own_B = embeddings.candidates
        logit_BN = embeddings.image_global_BD @ text_ND.mT * scale + bias
        matching_BN = own_B.unsqueeze(1) == torch.arange(len(text_ND), device=own_B.device)
        return -logsigmoid(torch.where(matching_BN, logit_BN, -logit_BN)).sum() / len(logit_BN)
