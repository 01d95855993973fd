from dataclasses import replace

import pytest
import torch
from hypothesis import given

from src.losses.clip import ClipLoss
from tests.losses import naive
from tests.losses.inputs import Shape, embeddings_of, shapes


def clip(temperature=0.07):
    return ClipLoss(weight=1.0, temperature=temperature, min_temperature=0.01).double()


@given(shape=shapes)
def test_equals_the_sums_written_out(shape):
    embeddings = embeddings_of(shape)
    expected = naive.clip(embeddings.image_global_BD, embeddings.text_global_BD, temperature=0.07)
    assert clip()(embeddings).item() == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_temperature_learns_and_stops_at_its_minimum():
    loss = clip(temperature=0.02)
    angle_B = torch.arange(3, dtype=torch.float64) / 100
    image_BD = torch.stack([angle_B.cos(), angle_B.sin()], dim=1)
    embeddings = replace(embeddings_of(Shape(batch=3, width=2)), image_global_BD=image_BD, text_global_BD=image_BD)
    optimizer = torch.optim.SGD(loss.parameters(), lr=1e6)
    value = loss(embeddings)
    value.backward()
    optimizer.step()
    at_minimum = loss(embeddings)
    assert at_minimum < value
    assert loss.log_scale.exp().item() == pytest.approx(100)
    optimizer.zero_grad()
    at_minimum.backward()
    assert loss.log_scale.grad != 0


def test_gradient():
    embeddings = embeddings_of(Shape(batch=3))
    loss = clip(temperature=0.3)

    def call(image_BD, text_BD, log_scale):
        changed = replace(embeddings, image_global_BD=image_BD, text_global_BD=text_BD)
        return torch.func.functional_call(loss, {"log_scale": log_scale}, (changed,))

    inputs = (embeddings.image_global_BD, embeddings.text_global_BD, loss.log_scale.detach())
    assert torch.autograd.gradcheck(call, tuple(tensor.clone().requires_grad_() for tensor in inputs))
