"""Many heads fitted at once on features that are at hand.

Axes: H heads, N images, B images of a step, E feature width, F findings or classes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from src.core.errors import UserError
from src.evaluation.features import Features
from src.heads.objective import classification_loss


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How heads are fitted: AdamW on mini-batches, the weights of the lowest validation loss, early stopping.

    ``drop_last``: the last incomplete batch, of training and of validation, is left out unless it is the only one.
    """

    lr: float
    weight_decay: float
    betas: tuple[float, float]
    batch_size: int
    drop_last: bool
    max_epochs: int
    patience: int
    exclusive: bool

    def used(self, size: int) -> int:
        """How many of ``size`` images, in their order, an epoch uses."""
        incomplete = size % self.batch_size if self.drop_last else 0
        return size - incomplete or size


@dataclass(frozen=True, kw_only=True)
class FittedHeads:
    """``weights``: each parameter of all heads, (H, ...). ``val_loss_H``: the loss that chose them, after the epochs
    ``best_epoch_H``, counted from 1, of ``epochs``.
    """

    template: nn.Module
    weights: Mapping[str, Tensor]
    val_loss_H: Tensor
    best_epoch_H: Tensor
    epochs: int

    @torch.no_grad()
    def logits(self, feature_NE: Tensor, head: int) -> Tensor:
        """One head's logits, (N, F)."""
        own = {name: weight[head] for name, weight in self.weights.items()}
        logit_NF: Tensor = functional_call(self.template, own, (feature_NE,))
        return logit_NF


def fit_heads(
    heads: Sequence[nn.Module],
    train: Features,
    index_HN: Tensor,
    val: Features,
    *,
    recipe: Recipe,
    generators: Sequence[torch.Generator],
) -> FittedHeads:
    """Fit each head on its own images ``index_HN`` of ``train``, in an order that its own generator draws each epoch.

    What one head does never touches another: the optimiser works element by element, and a head that has stopped
    keeps its best weights. All steps are taken for all heads at once, and the device is waited for once an epoch.
    Raises UserError for heads that have buffers.
    """
    if next(heads[0].buffers(), None) is not None:
        raise UserError(
            f"head: {type(heads[0]).__name__} keeps statistics of its batches (as BatchNorm does), which probe=cached "
            "cannot do for many heads at once; give probe=published."
        )
    device = train.feature_NE.device
    weights, _ = stack_module_state(list(heads))
    weights = {name: weight.detach().to(device).requires_grad_() for name, weight in weights.items()}
    optimizer = torch.optim.AdamW(
        weights.values(), lr=recipe.lr, betas=recipe.betas, weight_decay=recipe.weight_decay, foreach=True
    )
    used = recipe.used(index_HN.shape[1])
    loss_of = _losses(heads[0], exclusive=recipe.exclusive)
    best = {name: weight.detach().clone() for name, weight in weights.items()}
    lowest_H = torch.full((len(heads),), torch.inf, device=device)
    waited_H = torch.zeros(len(heads), device=device)
    best_epoch_H = torch.zeros(len(heads), dtype=torch.int64, device=device)
    epoch = 0
    for epoch in range(1, recipe.max_epochs + 1):
        heads[0].train()
        order_HN = torch.stack([torch.randperm(index_HN.shape[1], generator=g) for g in generators]).to(device)
        for step_HB in index_HN.gather(1, order_HN)[:, :used].split(recipe.batch_size, dim=1):
            optimizer.zero_grad(set_to_none=True)
            loss_of(weights, train.feature_NE[step_HB], train.label_NF[step_HB]).sum().backward()
            optimizer.step()
        heads[0].eval()
        with torch.no_grad():
            loss_H = loss_of(weights, *_for_each_head(val, len(heads), used=recipe.used(len(val))))
            better_H = (loss_H < lowest_H) & (waited_H < recipe.patience)
            lowest_H = torch.where(better_H, loss_H, lowest_H)
            waited_H = torch.where(better_H, 0, waited_H + 1)
            best_epoch_H = torch.where(better_H, epoch, best_epoch_H)
            for name, weight in weights.items():
                better = better_H.view(-1, *[1] * (weight.ndim - 1))
                best[name] = torch.where(better, weight, best[name])
        if bool((waited_H >= recipe.patience).all()):
            break
    return FittedHeads(
        template=heads[0].eval(), weights=best, val_loss_H=lowest_H, best_epoch_H=best_epoch_H, epochs=epoch
    )


def _losses(template: nn.Module, *, exclusive: bool) -> Callable[[Mapping[str, Tensor], Tensor, Tensor], Tensor]:
    def loss(weights: dict[str, Tensor], feature_BE: Tensor, label_BF: Tensor) -> Tensor:
        logit_BF = functional_call(template, weights, (feature_BE,))
        return classification_loss(logit_BF, label_BF, exclusive=exclusive)

    each: Callable[..., Tensor] = vmap(loss, randomness="different")
    return each


def _for_each_head(features: Features, count: int, *, used: int) -> tuple[Tensor, Tensor]:
    return features.feature_NE[:used].expand(count, -1, -1), features.label_NF[:used].expand(count, -1, -1)
