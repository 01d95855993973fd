"""SigLIP's loss: every image-report pair of the batch is judged alone, matching or not.

Axes: B image-report pairs, D embedding width.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from src.core.embeddings import Embeddings
from src.core.precision import at_least_float32
from src.losses.base import Loss, require_positive


class SiglipLoss(Loss):
    """-1/B sum_ij log sigmoid( z_ij (v_i t_j / temperature + bias) ), z_ij = 1 if i = j, else -1 (Zhai et al. 2023).

    ``temperature`` and ``bias`` are where learning starts. Raises UserError for a temperature that is not above 0.
    """

    def __init__(self, *, weight: float, temperature: float, bias: float) -> None:
        super().__init__(weight=weight)
        require_positive(self, temperature=temperature)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    def compute(self, embeddings: Embeddings) -> Tensor:
        """A scalar, at least 0."""
        scale, bias = at_least_float32(self.log_scale).exp(), at_least_float32(self.bias)
        logit_BB = embeddings.image_global_BD @ embeddings.text_global_BD.mT * scale + bias
        matching_BB = torch.eye(len(logit_BB), dtype=torch.bool, device=logit_BB.device)
        return -logsigmoid(torch.where(matching_BB, logit_BB, -logit_BB)).sum() / len(logit_BB)
