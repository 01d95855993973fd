"""Several losses as one."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from src.core.embeddings import Embeddings
from src.losses.base import Loss


class CompositeLoss(nn.Module):
    """The sum over ``parts`` of weight times loss; the names are those of the config's ``loss`` group."""

    def __init__(self, parts: Mapping[str, Loss]) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(parts)

    def forward(self, embeddings: Embeddings) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted total, and every part by its name: unweighted, detached."""
        losses = {name: part(embeddings) for name, part in self.named.items()}
        total = torch.stack([part.weight * losses[name] for name, part in self.named.items()]).sum()
        return total, {name: loss.detach() for name, loss in losses.items()}

    def after_backward(self, *, epoch: int) -> None:
        """Hand the call on to every part."""
        for part in self.named.values():
            part.after_backward(epoch=epoch)

    @property
    def named(self) -> dict[str, Loss]:
        """The losses by their names."""
        return cast(dict[str, Loss], dict(self.parts.items()))
