import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given

from src.losses.ita import InstanceAlignment
from tests.losses import naive
from tests.losses.inputs import Shape, embeddings_of, shapes

RULES = pytest.mark.parametrize("rules", ["published", "corrected"])


@RULES
@given(shape=shapes)
def test_equals_the_sums_written_out(rules, shape):
    embeddings = embeddings_of(shape)
    actual = InstanceAlignment(weight=1.0, temperature=0.07, rules=rules)(embeddings)
    expected = naive.ita(embeddings.image_global_BD, embeddings.text_global_BD, temperature=0.07, rules=rules)
    assert actual.item() == pytest.approx(expected, rel=1e-10, abs=1e-12)


@RULES
def test_by_hand(rules):
    """Two pairs of equal images and reports at right angles: every row and column is (1/t, 0)."""
    embeddings = embeddings_of(Shape(batch=2, width=2))
    embeddings.image_global_BD.copy_(torch.eye(2))
    embeddings.text_global_BD.copy_(torch.eye(2))
    actual = InstanceAlignment(weight=1.0, temperature=0.5, rules=rules)(embeddings)
    one_direction = math.log(1 + math.exp(-2))
    assert actual.item() == pytest.approx(one_direction * (2 if rules == "published" else 1))


@RULES
def test_gradient(rules):
    embeddings = embeddings_of(Shape(batch=3))
    alignment = InstanceAlignment(weight=1.0, temperature=0.3, rules=rules)

    def loss(image_BD, text_BD):
        return alignment(replace(embeddings, image_global_BD=image_BD, text_global_BD=text_BD))

    inputs = (embeddings.image_global_BD.requires_grad_(), embeddings.text_global_BD.requires_grad_())
    assert torch.autograd.gradcheck(loss, inputs)
