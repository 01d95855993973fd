"""How a task gets its optimizer and its learning-rate schedule, whichever yaml names them."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer

from src.core.errors import UserError

OptimizerRecipe = Callable[[Iterable[nn.Module]], Optimizer]
SchedulerRecipe = Callable[[Optimizer, int], Any]

_STEPS = 1000


class _Layer(nn.Module):
    """A weight and a bias that take no random number."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))


def try_recipes(optimizer: OptimizerRecipe, scheduler: SchedulerRecipe, *, key: str = "") -> None:
    """Take one step of a small layer, so that settings that do not fit are reported before the training.

    ``key``: of the config, dotted, that holds both; empty for the top level.
    Raises UserError with the reason of torch.
    """
    prefix = f"{key}." if key else ""
    layer = _Layer()

    def closure() -> Tensor:
        loss = sum((parameter.square().sum() for parameter in layer.parameters()), torch.zeros(()))
        loss.backward()
        return loss

    with torch.enable_grad():
        made = _attempt(f"{prefix}optimizer", lambda: optimizer([layer]))
        _attempt(f"{prefix}optimizer", lambda: made.step(closure))
    _attempt(f"{prefix}scheduler", lambda: scheduler(made, _STEPS))


def optimizer_config(optimizer: Optimizer, scheduler: SchedulerRecipe, total_steps: int) -> OptimizerLRSchedulerConfig:
    """Return what ``configure_optimizers`` returns. A bare scheduler is stepped after each optimizer step."""
    made = scheduler(optimizer, total_steps)
    config = made if isinstance(made, dict) else {"scheduler": made, "interval": "step"}
    return OptimizerLRSchedulerConfig(optimizer=optimizer, lr_scheduler=config)  # type: ignore[typeddict-item]


def _attempt(key: str, run: Callable[[], Any]) -> Any:
    try:
        return run()
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        if isinstance(error, UserError):
            raise
        reason = " ".join(str(error).split()).rstrip(".!") or type(error).__name__
        raise UserError(
            f"{key} cannot be used: {reason}; correct its settings, which --cfg job lists below {key}."
        ) from error
