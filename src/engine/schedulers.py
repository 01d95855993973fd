"""Learning-rate schedules as recipes, stepped once an optimiser step."""

import math

from pydantic import NonNegativeFloat
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from src.core.ranges import Fraction


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
