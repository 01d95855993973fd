"""What the benchmarks of the training step share: the step without its logs, the clock, and how figures are printed."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from src.core.batch import PairBatch
from src.core.errors import UserError
from src.losses.composite import CompositeLoss
from src.models.alignment import AlignmentModel
from src.tasks.pretrain_module import Negatives, PretrainModule
from src.tasks.recipes import OptimizerRecipe

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["32-true", "bf16-mixed"]
Step = Callable[[], None]


class UnloggedModule(PretrainModule):
    """The module that pretraining trains, outside a Lightning trainer: what it logs goes nowhere."""

    def log(self, *_: Any, **__: Any) -> None:
        """Drop the figure."""


def unlogged_module(
    model: AlignmentModel, loss: CompositeLoss, optimizer: OptimizerRecipe, negatives: Negatives
) -> UnloggedModule:
    """The module in training mode, without gradient caching."""
    module = UnloggedModule(
        model=model,
        loss=loss,
        negatives=negatives,
        gradient_cache=None,
        optimizer=optimizer,
        scheduler=lambda *_: None,
    )
    return module.train()


def full_step(
    module: PretrainModule,
    forward: Callable[[PairBatch], Tensor],
    optimizer: Optimizer,
    batch: PairBatch,
    precision: Precision,
) -> Step:
    """One training step: ``forward`` (``module``'s own, or what wraps it), backward, optimiser."""

    def step() -> None:
        with torch.autocast(batch.token_BL.device.type, torch.bfloat16, enabled=precision == "bf16-mixed"):
            total = forward(batch)
        total.backward()
        module.on_after_backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def device_type(device: Device) -> Literal["cpu", "cuda"]:
    """``auto`` is the GPU where there is one. Raises UserError for cuda where there is none."""
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("bench.device=cuda, but torch sees no GPU here; give bench.device=cpu.")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def machine(device: str) -> str:
    """What the figures were measured on, in words."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"CPU {platform.machine()} with {os.cpu_count()} cores"


def seconds_of(job: Step, device: str) -> float:
    """How long ``job`` takes, with what it left for the device to do."""
    wait(device)
    start = time.perf_counter()
    job()
    wait(device)
    return time.perf_counter() - start


def wait(device: str) -> None:
    """Until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def spread(values: Sequence[float], form: str) -> str:
    """The median, and the smallest to the largest."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"
