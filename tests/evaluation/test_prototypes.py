"""Prototype usage."""

import pytest
import torch

from src.evaluation.prototypes import effective_number, prototype_usage


def test_effective_number():
    assert effective_number(torch.tensor([5, 5, 5, 5])) == pytest.approx(4)
    assert effective_number(torch.tensor([0, 9, 0])) == pytest.approx(1)
    assert effective_number(torch.tensor([3, 3, 0])) == pytest.approx(2)


def test_usage_by_hand():
    image = torch.eye(3)[[0, 0, 1, 2]]
    text = torch.eye(3)[[0, 1, 1, 2]]
    # lengths must not matter
    usage = prototype_usage(image, text, torch.diag(torch.tensor([0.1, 7.0, 1.0])))
    assert usage.image_count_K.tolist() == [2, 1, 1]
    assert usage.text_count_K.tolist() == [1, 2, 1]
    figures = usage.figures()
    assert figures["prototypes/agreement"] == 0.75
    assert figures["prototypes/chance_agreement"] == pytest.approx((2 * 1 + 1 * 2 + 1 * 1) / 16)
    assert figures["prototypes/effective_images"] == pytest.approx(2**1.5)
