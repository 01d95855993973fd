"""One hidden layer between an image encoder's vector and the findings.

Axes: B images, E feature width, F findings or classes.
"""

from pydantic import PositiveInt
from torch import Tensor, nn

from src.core.ranges import Fraction


class MlpHead(nn.Module):
    """Logits of ``classes`` findings through ``hidden_dim`` ReLU units; ``dropout`` drops these in training."""

    def __init__(self, *, in_dim: int, classes: int, hidden_dim: PositiveInt, dropout: Fraction) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(in_dim, hidden_dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden_dim, classes)
        )

    def forward(self, feature_BE: Tensor) -> Tensor:
        """Logits, (B, F)."""
        logit_BF: Tensor = self.layers(feature_BE)
        return logit_BF
