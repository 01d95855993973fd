"""Optimisers as recipes: settings now, parameters when the model is built."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import nn
from torch.optim import Optimizer

from src.core.errors import UserError
from src.core.ranges import Betas, PositiveFraction


def trainable_parameters(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    """Return the modules' parameters that require a gradient."""
    return [p for module in modules for p in module.parameters() if p.requires_grad]


def refuse_nothing(groups: Sequence[dict[str, Any]]) -> None:
    """Raise UserError where no group has a parameter."""
    if not any(group["params"] for group in groups):
        raise UserError("The optimizer has no parameter to train: everything is frozen, or the head has no weights.")


def parameter_groups(
    modules: Iterable[nn.Module], *, weight_decay: float, decay_norms_and_biases: bool
) -> list[dict[str, object]]:
    """The modules' trainable parameters in at most two groups: those that decay, and those that do not.

    Norms and biases are the parameters of fewer than two dimensions; the published code decays them too.
    """
    parameters = trainable_parameters(modules)
    decayed = [p for p in parameters if decay_norms_and_biases or p.ndim >= 2]
    spared = [p for p in parameters if not decay_norms_and_biases and p.ndim < 2]
    groups: list[dict[str, object]] = [{"params": decayed, "weight_decay": weight_decay}]
    return [*groups, {"params": spared, "weight_decay": 0.0}] if spared else groups


class TorchOptimizer:
    """Any optimizer of torch's interface: ``factory(parameters)`` builds it, from a yaml that names it directly.

    ``key``: of the config, for messages. ``decay_norms_and_biases``: False sets the weight decay of parameters of fewer
    than two dimensions to 0; True leaves the optimizer as torch defines it.
    """

    def __init__(self, *, key: str, factory: Callable[..., Optimizer], decay_norms_and_biases: bool = True) -> None:
        self.key = key
        self.factory = factory
        self.decay_norms_and_biases = decay_norms_and_biases

    def __call__(self, modules: Iterable[nn.Module]) -> Optimizer:
        """Build the optimizer over the trainable parameters of ``modules``."""
        parameters = trainable_parameters(modules)
        refuse_nothing([{"params": parameters}])
        if self.decay_norms_and_biases:
            return self.factory(parameters)
        decayed = [p for p in parameters if p.ndim >= 2]
        spared = [p for p in parameters if p.ndim < 2]
        groups = [{"params": decayed}] if decayed else []
        return self.factory([*groups, *([{"params": spared, "weight_decay": 0.0}] if spared else [])])


class AdamW:
    """AdamW (Loshchilov and Hutter 2019). Published: lr 2e-5, betas 0.9 and 0.999, decay 0.05 on all parameters."""

    def __init__(
        self, *, lr: PositiveFloat, betas: Betas, weight_decay: NonNegativeFloat, decay_norms_and_biases: bool
    ) -> None:
        self.lr = lr
        self.betas = (betas[0], betas[1])
        self.weight_decay = weight_decay
        self.decay_norms_and_biases = decay_norms_and_biases

    def __call__(self, modules: Iterable[nn.Module]) -> Optimizer:
        """The optimiser over the trainable parameters of ``modules``."""
        groups = parameter_groups(
            modules, weight_decay=self.weight_decay, decay_norms_and_biases=self.decay_norms_and_biases
        )
        refuse_nothing(groups)
        return torch.optim.AdamW(groups, lr=self.lr, betas=self.betas)


class LayerwiseAdamW:
    """AdamW whose learning rate falls by ``layer_decay`` with each layer below the head, as BEiT and MAE fine-tune.

    ``lr`` is the head's. A module that is no encoder learns at ``lr``. Norms and biases do not decay.
    """

    def __init__(
        self, *, lr: PositiveFloat, layer_decay: PositiveFraction, betas: Betas, weight_decay: NonNegativeFloat
    ) -> None:
        self.lr = lr
        self.layer_decay = layer_decay
        self.betas = (betas[0], betas[1])
        self.weight_decay = weight_decay

    def __call__(self, modules: Iterable[nn.Module]) -> Optimizer:
        """The optimiser over the trainable parameters of ``modules``; an encoder's network is its ``model``."""
        from timm.optim import param_groups_layer_decay

        groups: list[dict[str, object]] = []
        for module in modules:
            network = getattr(module, "model", None)
            if network is None:
                groups += parameter_groups([module], weight_decay=self.weight_decay, decay_norms_and_biases=False)
                continue
            for group in param_groups_layer_decay(network, self.weight_decay, layer_decay=self.layer_decay):
                # timm's topmost layer has a scale of 1; here it lies below the head
                lr = self.lr * self.layer_decay * group["lr_scale"]
                groups.append({"params": group["params"], "weight_decay": group["weight_decay"], "lr": lr})
        refuse_nothing(groups)
        return torch.optim.AdamW(groups, lr=self.lr, betas=self.betas)
