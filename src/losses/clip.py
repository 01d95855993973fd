"""CLIP's loss: instance-wise contrast within the batch under a temperature that is learnt."""

import math

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from src.core.embeddings import Embeddings
from src.core.precision import at_least_float32
from src.losses.base import Loss, require_positive
from src.losses.ita import directional_losses


class ClipLoss(Loss):
    """Mean cross entropy of image to text and text to image (Radford et al. 2021, figure 3) of S = v t^T / temperature.

    ``temperature`` is where learning starts; it stays at or above ``min_temperature`` (the paper's 0.01 keeps the
    scale of the logits at 100 or less). Raises UserError for a setting that is not above 0.
    """

    def __init__(self, *, weight: NonNegativeFloat, temperature: PositiveFloat, min_temperature: PositiveFloat) -> None:
        super().__init__(weight=weight)
        require_positive(self, temperature=temperature, min_temperature=min_temperature)
        self.max_log_scale = -math.log(min_temperature)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def compute(self, embeddings: Embeddings) -> Tensor:
        """A scalar, at least 0."""
        with torch.no_grad():
            self.log_scale.clamp_(max=self.max_log_scale)
        scale = at_least_float32(self.log_scale).exp()
        image_to_text, text_to_image = directional_losses(embeddings, scale)
        return (image_to_text + text_to_image) / 2
