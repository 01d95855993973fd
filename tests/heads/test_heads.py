"""Heads, their loss and their probabilities, against formulas written out in float64.

Axes: B images, F findings, E width.
"""

import math

import pytest
import torch

from src.heads.linear import LinearHead
from src.heads.mlp import MlpHead
from src.heads.objective import classification_loss, probabilities

LOGIT = torch.tensor([[0.5, -2.0], [1.5, 0.25]], dtype=torch.float64)


def test_unknown_labels_do_not_count() -> None:
    label = torch.tensor([[1.0, math.nan], [0.0, 1.0]], dtype=torch.float64)
    terms = [math.log1p(math.exp(-0.5)), math.log1p(math.exp(1.5)), math.log1p(math.exp(-0.25))]
    assert float(classification_loss(LOGIT, label, exclusive=False)) == pytest.approx(sum(terms) / 3, abs=1e-12)


def test_no_known_label_gives_no_gradient() -> None:
    logit = LOGIT.clone().requires_grad_()
    loss = classification_loss(logit, torch.full((2, 2), math.nan), exclusive=False)
    loss.backward()
    assert loss.item() == 0
    assert logit.grad is not None
    assert logit.grad.eq(0).all()


def test_classes_share_one_softmax() -> None:
    label = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    terms = [math.log1p(math.exp(-2.5)), math.log1p(math.exp(1.25))]
    assert float(classification_loss(LOGIT, label, exclusive=True)) == pytest.approx(sum(terms) / 2, abs=1e-12)
    share = probabilities(LOGIT, exclusive=True)
    torch.testing.assert_close(share.sum(dim=1), torch.ones(2, dtype=torch.float64))
    assert float(share[0, 0]) == pytest.approx(1 / (1 + math.exp(-2.5)))


def test_findings_are_judged_apart() -> None:
    chance = probabilities(LOGIT.float(), exclusive=False)
    assert chance.dtype == torch.float64
    assert float(chance[0, 1]) == pytest.approx(1 / (1 + math.exp(2.0)))


def test_the_linear_head_is_one_layer() -> None:
    head = LinearHead(in_dim=3, classes=2, dropout=0.0)
    feature = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    expected = feature @ head.linear.weight.T + head.linear.bias
    torch.testing.assert_close(head(feature), expected)


def test_the_mlp_has_one_hidden_layer() -> None:
    head = MlpHead(in_dim=3, classes=2, hidden_dim=5, dropout=0.0)
    feature = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    first, last = head.layers[0], head.layers[3]
    hidden = (feature @ first.weight.T + first.bias).clamp(min=0)
    torch.testing.assert_close(head(feature), hidden @ last.weight.T + last.bias)
