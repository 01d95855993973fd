"""The focal loss as an operator against its formula."""

import math

import pytest
import torch

from src.core.focal_operator import focal, focal_gradient

LOGITS = [[0.3, -1.2, 4.0], [-60.0, 60.0, 0.0], [2.0, 0.5, -0.1]]
TARGETS = [1, 0, 3]  # the third is background
WEIGHTS = [0.5, 2.0, 1.0]


def naive(weights: list[float]) -> list[list[float]]:
    gamma, alpha = 2.0, 0.25
    rows = []
    for row, target in zip(LOGITS, TARGETS, strict=True):
        factor = 1.0 if not weights or target == 3 else weights[target]
        values = []
        for index, logit in enumerate(row):
            sign = 1 if index == target else -1
            right = 1 / (1 + math.exp(-sign * logit))
            # log1p keeps the digits of certain answers; a surely wrong one costs its logit
            cost = math.log1p(math.exp(-sign * logit))
            values.append(factor * (alpha if sign > 0 else 1 - alpha) * (1 - right) ** gamma * cost)
        rows.append(values)
    return rows


@pytest.mark.parametrize("weights", [[], WEIGHTS])
def test_it_is_the_formula(weights: list[float]) -> None:
    logit_NC = torch.tensor(LOGITS, dtype=torch.float64)
    found = focal(logit_NC, torch.tensor(TARGETS), torch.tensor(weights, dtype=torch.float64), 2.0, 0.25)
    assert torch.allclose(found, torch.tensor(naive(weights), dtype=torch.float64), atol=1e-15)


@torch.no_grad()
def test_its_gradient_by_differences() -> None:
    logit_NC = torch.tensor(LOGITS, dtype=torch.float64)
    target_N, weight_C = torch.tensor(TARGETS), torch.tensor(WEIGHTS, dtype=torch.float64)
    step = 1e-6
    above, below = (focal(logit_NC + s, target_N, weight_C, 2.0, 0.25) for s in (step, -step))
    found = focal_gradient(logit_NC, target_N, weight_C, 2.0, 0.25)
    assert torch.allclose(found, (above - below) / (2 * step), atol=1e-8)


def test_mmcv_calls_it() -> None:
    """mmdet's ``FocalLoss`` asks for it on a GPU through this function."""
    from src.core.mmcv_ops import ensure_mmcv

    ensure_mmcv()
    from mmcv.ops import sigmoid_focal_loss

    logit_NC = torch.tensor(LOGITS, dtype=torch.float64, requires_grad=True)
    found = sigmoid_focal_loss(logit_NC, torch.tensor(TARGETS), 2.0, 0.25, None, "sum")
    found.backward()
    leaf_NC = logit_NC.detach().requires_grad_()
    expected = focal(leaf_NC, torch.tensor(TARGETS), torch.zeros(0), 2.0, 0.25).sum()
    expected.backward()
    assert torch.allclose(found, expected)
    assert torch.allclose(logit_NC.grad, leaf_NC.grad)
