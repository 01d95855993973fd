"""Learning-rate schedules as recipes.

A recipe returns a scheduler, which is stepped after each optimizer step, or Lightning's ``lr_scheduler_config``.
"""

import inspect
import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from pydantic import NonNegativeFloat
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, LambdaLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from src.core.errors import UserError
from src.core.ranges import Fraction

TOTAL_STEPS = "$total_steps"
"""Stands in a yaml for the number of optimizer steps of the training."""
_COUNTS_STEPS = ("total_steps", "epochs", "steps_per_epoch")
_BY_STEP = (OneCycleLR, CyclicLR)
"""Schedulers of torch that are stepped after each batch, as their documentation says."""


class WarmupCosine:
    """Linear warm-up from ``start_lr`` over the first ``warmup_fraction`` of the steps, then a cosine to ``final_lr``.

    Published: 40 % warm-up, from and to 1e-8.
    """

    def __init__(self, *, warmup_fraction: Fraction, start_lr: NonNegativeFloat, final_lr: NonNegativeFloat) -> None:
        self.warmup_fraction = warmup_fraction
        self.start_lr = start_lr
        self.final_lr = final_lr

    def lr_at(self, step: int, *, peak_lr: float, total_steps: int) -> float:
        """The learning rate of optimiser step ``step``, counted from 0."""
        warmup_steps = round(self.warmup_fraction * total_steps)
        if step < warmup_steps:
            return self.start_lr + (peak_lr - self.start_lr) * step / warmup_steps
        progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
        return self.final_lr + (peak_lr - self.final_lr) * (1 + math.cos(math.pi * progress)) / 2

    def __call__(self, optimizer: Optimizer, total_steps: int) -> LambdaLR:
        """The schedule for ``optimizer`` over ``total_steps`` optimiser steps."""
        peak_lr = optimizer.param_groups[0]["lr"]
        return LambdaLR(optimizer, lambda step: self.lr_at(step, peak_lr=peak_lr, total_steps=total_steps) / peak_lr)


class Constant:
    """The optimiser's own learning rate, throughout."""

    def __call__(self, optimizer: Optimizer, total_steps: int) -> LambdaLR:
        """The schedule for ``optimizer``; ``total_steps`` does not matter to it."""
        del total_steps
        return LambdaLR(optimizer, lambda _: 1.0)


class TorchScheduler:
    """Any scheduler of torch's interface: ``factory(optimizer)`` builds it, from a yaml that names it directly.

    ``key``: of the config, for messages. ``interval``, ``frequency`` and ``monitor`` are Lightning's: the scheduler is
    stepped every ``frequency`` epochs or optimizer steps, ``ReduceLROnPlateau`` by the metric ``monitor``. By default
    it is stepped after each epoch, and after each optimizer step where it counts these: OneCycleLR, CyclicLR, and
    wherever a setting is ``$total_steps``. OneCycleLR takes the total by itself.
    Raises UserError for an ``interval`` or a ``monitor`` that does not fit.
    """

    def __init__(
        self,
        *,
        key: str,
        factory: partial[Any],
        interval: Literal["step", "epoch"] | None = None,
        frequency: int = 1,
        monitor: str | None = None,
    ) -> None:
        self.factory = _with_total_steps(factory)
        target = self.factory.func
        plateau = target is ReduceLROnPlateau
        by_step = target in _BY_STEP or _mentions_total_steps(self.factory)
        if interval is not None and (interval == "step") != by_step and (by_step or plateau):
            fitting = "step" if by_step else "epoch"
            raise UserError(
                f"{key}.interval={interval} does not fit {target.__name__}, which is stepped after each "
                f"{'optimizer step' if by_step else 'validation'}; give {key}.interval={fitting}."
            )
        if monitor is not None and not plateau:
            raise UserError(f"{key}.monitor is read by ReduceLROnPlateau alone; give ~{key}.monitor.")
        if frequency < 1:
            raise UserError(f"{key}.frequency={frequency} steps nothing; give {key}.frequency=1.")
        self._lightning: dict[str, Any] = {
            "interval": interval or ("step" if by_step else "epoch"),
            "frequency": frequency,
        }
        if plateau:
            self._lightning["monitor"] = monitor or "val/loss"

    def __call__(self, optimizer: Optimizer, total_steps: int) -> dict[str, Any]:
        """Return Lightning's ``lr_scheduler_config`` for ``optimizer`` over ``total_steps`` optimizer steps."""
        return {"scheduler": _built(self.factory, optimizer, total_steps), **self._lightning}


def _with_total_steps(factory: partial[Any]) -> partial[Any]:
    """The factory, told of the total number of steps where it asks for that and its yaml does not say."""
    parameters = inspect.signature(factory.func).parameters
    if "total_steps" in parameters and not any(name in factory.keywords for name in _COUNTS_STEPS):
        return partial(factory.func, *factory.args, **factory.keywords, total_steps=TOTAL_STEPS)
    return factory


def _mentions_total_steps(value: Any) -> bool:
    if isinstance(value, partial):
        return value.func in _BY_STEP or any(map(_mentions_total_steps, (*value.args, *value.keywords.values())))
    if isinstance(value, list):
        return any(map(_mentions_total_steps, value))
    return bool(value == TOTAL_STEPS)


def _built(factory: partial[Any], optimizer: Optimizer, total_steps: int) -> Any:
    def filled(value: Any) -> Any:
        if isinstance(value, partial) and inspect.isclass(value.func) and issubclass(value.func, LRScheduler):
            return _built(value, optimizer, total_steps)
        if isinstance(value, list):
            return [filled(one) for one in value]
        return total_steps if isinstance(value, str) and value == TOTAL_STEPS else value

    settings: Mapping[str, Any] = {name: filled(value) for name, value in factory.keywords.items()}
    if "optimizer" in inspect.signature(factory.func).parameters:
        return factory.func(optimizer=optimizer, **settings)
    return factory.func(optimizer, **settings)
