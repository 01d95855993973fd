import inspect
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch.optim import lr_scheduler

from src.core.errors import UserError
from src.engine.build import build
from src.engine.schedulers import Constant, WarmupCosine
from src.engine.validate import validate

PUBLISHED = WarmupCosine(warmup_fraction=0.4, start_lr=1e-8, final_lr=1e-8)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 1e-8),
        (20, 1e-8 + (2e-5 - 1e-8) * 0.5),
        (40, 2e-5),
        (70, 1e-8 + (2e-5 - 1e-8) * 0.5),
        (85, 1e-8 + (2e-5 - 1e-8) * (1 + math.cos(0.75 * math.pi)) / 2),
        (100, 1e-8),
        (140, 1e-8),
    ],
)
def test_published_schedule_over_100_steps(step: int, expected: float) -> None:
    assert PUBLISHED.lr_at(step, peak_lr=2e-5, total_steps=100) == pytest.approx(expected, rel=1e-12)


@given(st.integers(1, 500), st.floats(0, 1))
def test_rises_to_the_peak_then_falls(total_steps: int, warmup_fraction: float) -> None:
    schedule = WarmupCosine(warmup_fraction=warmup_fraction, start_lr=1e-8, final_lr=1e-7)
    rates = [schedule.lr_at(step, peak_lr=1e-3, total_steps=total_steps) for step in range(total_steps + 1)]
    top = round(warmup_fraction * total_steps)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == pytest.approx(1e-3)


def test_an_optimizer_follows_it_step_by_step() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-5)
    scheduler = PUBLISHED(optimizer, 10)
    seen = []
    for _ in range(10):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert seen == pytest.approx([PUBLISHED.lr_at(step, peak_lr=2e-5, total_steps=10) for step in range(10)])


def test_constant_stays() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler = Constant()(optimizer, 10)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.3


def _made(total_steps: int = 8, **node: Any) -> tuple[torch.optim.Optimizer, dict[str, Any]]:
    """An optimizer and its schedule, as a yaml of conf/scheduler that names torch's class gives them."""
    target = node.pop("_target_", None) or f"torch.optim.lr_scheduler.{node.pop('name')}"
    cfg = OmegaConf.create({"scheduler": {"_target_": target, **node}})
    validate(cfg, given={})
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
    return optimizer, build(cfg, "scheduler")(optimizer, total_steps)


def _rates(optimizer: torch.optim.Optimizer, made: dict[str, Any], steps: int) -> list[float]:
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        made["scheduler"].step()
    return rates


SETTINGS: dict[str, dict[str, Any]] = {
    "LambdaLR": {"lr_lambda": {"_target_": "hydra.utils.get_method", "path": "math.cos"}},
    "MultiplicativeLR": {"lr_lambda": {"_target_": "hydra.utils.get_method", "path": "math.cos"}},
    "StepLR": {"step_size": 2},
    "MultiStepLR": {"milestones": [2, 4]},
    "ExponentialLR": {"gamma": 0.5},
    "CosineAnnealingLR": {"T_max": "$total_steps"},
    "CosineAnnealingWarmRestarts": {"T_0": 3},
    "CyclicLR": {"base_lr": 0.1, "max_lr": 1.0},
    "OneCycleLR": {"max_lr": 1.0},
    "SequentialLR": {
        "schedulers": [
            {"_target_": "torch.optim.lr_scheduler.LinearLR", "total_iters": 2},
            {"_target_": "torch.optim.lr_scheduler.CosineAnnealingLR", "T_max": 4},
        ],
        "milestones": [2],
    },
    "ChainedScheduler": {"schedulers": [{"_target_": "torch.optim.lr_scheduler.ExponentialLR", "gamma": 0.5}]},
}
EVERY = sorted(
    name
    for name, kind in vars(lr_scheduler).items()
    if inspect.isclass(kind)
    and issubclass(kind, lr_scheduler.LRScheduler)
    and kind is not lr_scheduler.LRScheduler
    and not name.startswith("_")
)


@pytest.mark.parametrize("partial", [True, None])
@pytest.mark.parametrize("name", EVERY)
def test_every_scheduler_of_torch_is_a_yaml(name: str, partial: bool | None) -> None:
    node = {**SETTINGS.get(name, {}), **({"_partial_": True} if partial else {})}
    optimizer, made = _made(name=name, **node)
    assert type(made["scheduler"]).__name__ == name
    by_step = name in ("OneCycleLR", "CyclicLR", "CosineAnnealingLR")
    assert made["interval"] == ("step" if by_step else "epoch")
    assert made.get("monitor") == ("val/loss" if name == "ReduceLROnPlateau" else None)
    if name != "ReduceLROnPlateau":
        assert all(math.isfinite(rate) for rate in _rates(optimizer, made, 8))


def test_a_step_schedule_falls_at_its_steps() -> None:
    optimizer, made = _made(name="StepLR", step_size=2, gamma=0.1, interval="step", frequency=3)
    assert (made["interval"], made["frequency"]) == ("step", 3)
    assert _rates(optimizer, made, 5) == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def test_total_steps_are_filled_in() -> None:
    optimizer, made = _made(4, name="CosineAnnealingLR", T_max="$total_steps")
    assert _rates(optimizer, made, 5) == pytest.approx([(1 + math.cos(math.pi * step / 4)) / 2 for step in range(5)])
    one_cycle = _made(30, name="OneCycleLR", max_lr=0.5)[1]["scheduler"]
    assert one_cycle.total_steps == 30
    given = _made(30, name="OneCycleLR", max_lr=0.5, epochs=2, steps_per_epoch=6)[1]["scheduler"]
    assert given.total_steps == 12


def test_a_function_that_makes_a_scheduler_is_a_yaml_too() -> None:
    optimizer, made = _made(
        10,
        _target_="transformers.get_linear_schedule_with_warmup",
        _partial_=True,
        num_warmup_steps=2,
        num_training_steps="$total_steps",
    )
    assert made["interval"] == "step"
    assert _rates(optimizer, made, 4) == pytest.approx([0, 0.5, 1, 7 / 8])


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"name": "StepLR"}, r"scheduler lacks the setting step_size of torch\.optim\.lr_scheduler\.StepLR"),
        ({"name": "StepLR", "step_siez": 3}, r"scheduler\.step_siez is not a setting .* did you mean step_size\?"),
        ({"name": "StepLR", "step_size": 3, "intervall": "step"}, r"did you mean interval\?"),
        ({"name": "StepLR", "step_size": 3, "interval": "batch"}, r"scheduler\.interval=batch is not valid"),
        ({"name": "StepLR", "step_size": 3, "frequency": 0}, r"scheduler\.frequency=0 steps nothing"),
        ({"name": "StepLR", "step_size": 3, "monitor": "val/loss"}, r"monitor is read by ReduceLROnPlateau alone"),
        ({"name": "OneCycleLR", "max_lr": 1, "interval": "epoch"}, r"give scheduler\.interval=step"),
        ({"name": "ReduceLROnPlateau", "interval": "step"}, r"give scheduler\.interval=epoch"),
    ],
)
def test_settings_of_a_scheduler_that_do_not_fit(node: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        _made(**node)
