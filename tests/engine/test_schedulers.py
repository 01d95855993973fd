import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.engine.schedulers import Constant, WarmupCosine

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
