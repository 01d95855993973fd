"""What a class token attends to in one layer, from that layer's own queries and keys.

Axes: B images or reports, N tokens, H heads, A width of a head.
"""

import torch
from torch import Tensor, nn

from src.core.precision import at_least_float32


class Keeper:
    """A forward hook that keeps a layer's output, without gradient, under a name."""

    def __init__(self, kept: dict[str, Tensor], name: str) -> None:
        self.kept = kept
        self.name = name

    def __call__(self, _module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.kept[self.name] = output.detach()


@torch.no_grad()
def class_row(query_BHA: Tensor, key_BNHA: Tensor, *, scale: float, seen_BN: Tensor | None = None) -> Tensor:
    """softmax(scale q k) of one token over all N, averaged over heads, (B, N): float32 or wider, no gradient.

    ``query_BHA`` is the class token's. ``seen_BN``: bool, false where a token is padding; null where none is.
    """
    query_B1HA = at_least_float32(query_BHA).unsqueeze(1)
    # A product and a sum, since autocast would round the operands of a matrix product.
    score_BHN = (query_B1HA * scale * at_least_float32(key_BNHA)).sum(dim=-1).mT
    if seen_BN is not None:
        score_BHN = score_BHN.masked_fill(~seen_BN.unsqueeze(1), float("-inf"))
    return score_BHN.softmax(dim=-1).mean(dim=1)
