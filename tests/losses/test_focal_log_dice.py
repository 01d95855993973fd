"""The published loss of segmentation against its formula, pixel by pixel."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.core.dense import IGNORED
from src.losses.focal_log_dice import FocalLogDice


def naive(logits: list[float], masks: list[int], weight: float, gamma: float, smooth: float) -> float:
    known = [(x, y) for x, y in zip(logits, masks, strict=True) if y != IGNORED]
    costs, shared, predicted = [], 0.0, 0.0
    for x, y in known:
        wrong = 1 / (1 + math.exp(x if y else -x))
        costs.append(wrong**gamma * math.log1p(math.exp(-x if y else x)))
        p = 1 / (1 + math.exp(-x))
        shared, predicted = shared + p * y, predicted + p
    dice = (2 * shared + smooth) / (predicted + sum(y for _, y in known) + smooth)
    return weight * sum(costs) / max(len(costs), 1) - math.log(dice)


pixels = st.lists(st.tuples(st.floats(-20, 20), st.sampled_from([0, 1, IGNORED])), min_size=8, max_size=8)


@given(pixels, st.sampled_from([0.0, 1.0, 2.0]), st.sampled_from([0.5, 1.0]))
def test_it_is_the_formula(made: list[tuple[float, int]], gamma: float, smooth: float) -> None:
    logits, masks = zip(*made, strict=True)
    loss = FocalLogDice(focal_weight=10.0, gamma=gamma, smooth=smooth)
    found = loss(
        torch.tensor(logits, dtype=torch.float64).view(2, 2, 1, 2),
        torch.tensor(masks, dtype=torch.uint8).view(2, 2, 1, 2),
    )
    assert float(found) == pytest.approx(naive(list(logits), list(masks), 10.0, gamma, smooth), abs=1e-12)


@pytest.fixture
def loss() -> FocalLogDice:
    return FocalLogDice(focal_weight=10.0, gamma=2.0, smooth=1.0)


def test_by_hand(loss: FocalLogDice) -> None:
    """Logits of 0: focal (1/2)^2 log 2; Dice of one pixel in two, (2 x 1/2 + 1) / (1 + 1 + 1)."""
    found = loss(torch.zeros(1, 1, 1, 2), torch.tensor([[[[1, 0]]]], dtype=torch.uint8))
    assert float(found) == pytest.approx(10 * math.log(2) / 4 - math.log(2 / 3))


def test_everything_ignored_is_0_and_has_a_gradient(loss: FocalLogDice) -> None:
    logit_BFHW = torch.randn(2, 1, 3, 3, requires_grad=True)
    found = loss(logit_BFHW, torch.full((2, 1, 3, 3), IGNORED, dtype=torch.uint8))
    found.backward()
    assert float(found.detach()) == 0
    assert not logit_BFHW.grad.any()


def test_ignored_pixels_get_no_gradient(loss: FocalLogDice) -> None:
    logit_BFHW = torch.randn(1, 2, 3, 3, requires_grad=True)
    mask_BFHW = torch.zeros(1, 2, 3, 3, dtype=torch.uint8)
    mask_BFHW[0, 0, 0], mask_BFHW[0, 1, 1] = 1, IGNORED
    loss(logit_BFHW, mask_BFHW).backward()
    assert torch.equal(logit_BFHW.grad == 0, mask_BFHW == IGNORED)


@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_certain_answers_are_finite(loss: FocalLogDice, logit: float) -> None:
    logit_BFHW = torch.full((1, 1, 2, 2), logit, requires_grad=True)
    found = loss(logit_BFHW, torch.tensor([[[[0, 1], [0, 1]]]], dtype=torch.uint8))
    found.backward()
    assert found.isfinite()
    assert logit_BFHW.grad.isfinite().all()


def test_it_is_computed_in_float32(loss: FocalLogDice) -> None:
    logit_BFHW = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    mask_BFHW = (logit_BFHW > 0.5).to(torch.uint8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = loss(logit_BFHW, mask_BFHW)
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(float(loss(logit_BFHW.double(), mask_BFHW)), rel=1e-5)
