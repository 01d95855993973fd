import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given

from src.losses.siglip import SiglipLoss
from tests.losses import naive
from tests.losses.inputs import Shape, embeddings_of, shapes


def siglip(temperature=0.1, bias=-10.0):
    return SiglipLoss(weight=1.0, temperature=temperature, bias=bias).double()


@given(shape=shapes)
def test_equals_the_sums_written_out(shape):
    embeddings = embeddings_of(shape)
    expected = naive.siglip(embeddings.image_global_BD, embeddings.text_global_BD, temperature=0.1, bias=-10.0)
    assert siglip()(embeddings).item() == pytest.approx(expected, rel=1e-6)


def test_by_hand():
    """Two equal pairs at right angles, no bias: two matches at 2, two others at 0."""
    embeddings = embeddings_of(Shape(batch=2, width=2))
    embeddings.image_global_BD.copy_(torch.eye(2))
    embeddings.text_global_BD.copy_(torch.eye(2))
    expected = math.log(1 + math.exp(-2)) + math.log(2)
    assert siglip(temperature=0.5, bias=0)(embeddings).item() == pytest.approx(expected)


def test_gradient():
    embeddings = embeddings_of(Shape(batch=3))
    loss = siglip(temperature=0.5, bias=-1.0)

    def call(image_BD, text_BD, log_scale, bias):
        changed = replace(embeddings, image_global_BD=image_BD, text_global_BD=text_BD)
        return torch.func.functional_call(loss, {"log_scale": log_scale, "bias": bias}, (changed,))

    inputs = (embeddings.image_global_BD, embeddings.text_global_BD, loss.log_scale.detach(), loss.bias.detach())
    assert torch.autograd.gradcheck(call, tuple(tensor.clone().requires_grad_() for tensor in inputs))
