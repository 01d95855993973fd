"""One linear layer on an image encoder's vector: what the published protocol trains.

Axes: B images, E feature width, F findings or classes.
"""

from torch import Tensor, nn

from src.core.ranges import Fraction


class LinearHead(nn.Module):
    """Logits of ``classes`` findings from features of width ``in_dim``; ``dropout`` drops features in training."""

    def __init__(self, *, in_dim: int, classes: int, dropout: Fraction) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(in_dim, classes)

    def forward(self, feature_BE: Tensor) -> Tensor:
        """Logits, (B, F)."""
        logit_BF: Tensor = self.linear(self.dropout(feature_BE))
        return logit_BF
