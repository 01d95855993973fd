import pytest
import torch
from hypothesis import given
from torch.nn.functional import normalize

from src.core.errors import UserError
from src.losses.cpa import CrossPrototypeAlignment, prediction_loss
from src.losses.sinkhorn import sinkhorn
from tests.losses import naive
from tests.losses.inputs import Shape, embeddings_of, shapes

RULES = pytest.mark.parametrize("rules", ["published", "corrected"])


def cpa(width, rules="corrected", **settings):
    values = {
        "weight": 1.0,
        "embedding_dim": width,
        "num_prototypes": 6,
        "temperature": 0.2,
        "epsilon": 0.05,
        "sinkhorn_iterations": 3,
        "freeze_epochs": 1,
    }
    return CrossPrototypeAlignment(rules=rules, **(values | settings))


@RULES
@given(shape=shapes)
def test_equals_the_sums_written_out(rules, shape):
    embeddings = embeddings_of(shape)
    torch.manual_seed(shape.seed)
    loss = cpa(shape.width, rules).double()
    expected = naive.cpa(
        embeddings.image_global_BD,
        embeddings.text_global_BD,
        loss.prototypes_KD.detach(),
        temperature=0.2,
        epsilon=0.05,
        iterations=3,
    )
    assert loss(embeddings).item() == pytest.approx(expected, rel=1e-9)


def test_gradient_is_that_of_unit_prototypes_under_fixed_codes():
    torch.manual_seed(0)
    embeddings = embeddings_of(Shape(batch=3, width=4))
    leaves = [tensor.requires_grad_() for tensor in (embeddings.image_global_BD, embeddings.text_global_BD)]
    loss = cpa(4).double()
    unit_KD = normalize(loss.prototypes_KD.detach(), dim=1).requires_grad_()
    codes = [sinkhorn((leaf @ unit_KD.mT).detach(), epsilon=0.05, iterations=3) for leaf in leaves]

    def under_fixed_codes(image_BD, text_BD, prototype_KD):
        return (
            prediction_loss(text_BD @ prototype_KD.mT, codes[0], 0.2)
            + prediction_loss(image_BD @ prototype_KD.mT, codes[1], 0.2)
        ) / 2

    inputs = (*leaves, unit_KD)
    assert torch.autograd.gradcheck(under_fixed_codes, inputs)
    expected = torch.autograd.grad(under_fixed_codes(*inputs), inputs)
    actual = torch.autograd.grad(loss(embeddings), (*leaves, loss.prototypes_KD))
    torch.testing.assert_close(actual, expected)


def test_length_of_a_prototype_does_not_matter_and_is_reset():
    torch.manual_seed(0)
    embeddings = embeddings_of(Shape())
    loss = cpa(16).double()
    expected = loss(embeddings)
    with torch.no_grad():
        loss.prototypes_KD.mul_(torch.arange(1.0, 7.0).unsqueeze(1))
    torch.testing.assert_close(loss(embeddings), expected)
    torch.testing.assert_close(loss.prototypes_KD.norm(dim=1), torch.ones(6, dtype=torch.float64))


def test_prototypes_stay_in_the_frozen_epochs():
    torch.manual_seed(0)
    loss = cpa(16, freeze_epochs=2)
    embeddings = embeddings_of(Shape(), torch.float32)
    for epoch, frozen in ((0, True), (1, True), (2, False)):
        loss.zero_grad()
        loss(embeddings).backward()
        loss.after_backward(epoch=epoch)
        assert (loss.prototypes_KD.grad is None) == frozen


@pytest.mark.parametrize("name", ["num_prototypes", "embedding_dim", "temperature", "epsilon", "sinkhorn_iterations"])
def test_settings_of_zero_are_refused(name):
    with pytest.raises(UserError, match=name):
        cpa(16, **{name: 0})
