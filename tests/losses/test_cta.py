from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import pad

from src.losses.cta import CrossTokenAlignment, clipped_weights
from tests.losses import naive
from tests.losses.inputs import Shape, embeddings_of, shapes, with_leaves

RULES = pytest.mark.parametrize("rules", ["published", "corrected"])
DIRECTIONS = pytest.mark.parametrize("bidirectional", [True, False])


def cta(rules, bidirectional=True):
    return CrossTokenAlignment(weight=1.0, temperature=0.1, bidirectional=bidirectional, rules=rules)


@RULES
@DIRECTIONS
@given(shape=shapes)
def test_equals_the_sums_written_out(rules, bidirectional, shape):
    embeddings = embeddings_of(shape)
    expected = naive.cta(
        embeddings.image_local_BPD,
        embeddings.text_local_BTD,
        embeddings.text_mask_BT,
        embeddings.text_attention_BT,
        embeddings.image_attention_BP,
        temperature=0.1,
        bidirectional=bidirectional,
        rules=rules,
    )
    assert cta(rules, bidirectional)(embeddings).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


@RULES
@DIRECTIONS
@pytest.mark.parametrize("image_attention", [True, False])
def test_gradient(rules, bidirectional, image_attention):
    embeddings = embeddings_of(Shape(batch=2, patches=3, words=4, width=3, image_attention=image_attention))
    loss = cta(rules, bidirectional)
    inputs = (embeddings.image_local_BPD.requires_grad_(), embeddings.text_local_BTD.requires_grad_())
    assert torch.autograd.gradcheck(
        lambda patch, word: loss(replace(embeddings, image_local_BPD=patch, text_local_BTD=word)), inputs
    )


@given(shape=shapes, more=st.integers(1, 4))
def test_corrected_does_not_see_padding(shape, more):
    embeddings, leaves = with_leaves(embeddings_of(shape))
    longer, longer_leaves = with_leaves(
        replace(
            embeddings,
            text_local_BTD=pad(embeddings.text_local_BTD.detach(), (0, 0, 0, more)).masked_fill(
                ~pad(embeddings.text_mask_BT, (0, more)).unsqueeze(-1), float("nan")
            ),
            text_mask_BT=pad(embeddings.text_mask_BT, (0, more)),
            text_attention_BT=pad(embeddings.text_attention_BT, (0, more)).masked_fill(
                ~pad(embeddings.text_mask_BT, (0, more)), float("nan")
            ),
        )
    )
    loss, longer_loss = cta("corrected")(embeddings), cta("corrected")(longer)
    torch.testing.assert_close(longer_loss, loss)
    for gradient, longer_gradient in zip(
        torch.autograd.grad(loss, leaves[2:]), torch.autograd.grad(longer_loss, longer_leaves[2:]), strict=True
    ):
        torch.testing.assert_close(longer_gradient[:, : gradient.shape[1]], gradient)
        assert (longer_gradient[:, gradient.shape[1] :] == 0).all()


def test_published_sees_padding_and_leaves_a_vits_patches_unnormalised():
    embeddings = embeddings_of(Shape())
    assert abs(cta("published", False)(embeddings) - cta("corrected", False)(embeddings)) > 1e-3
    full = embeddings_of(Shape(full=True))
    torch.testing.assert_close(cta("published", False)(full), cta("corrected", False)(full))
    assert abs(cta("published")(full) - cta("corrected")(full)) > 1e-3
    without = replace(full, image_attention_BP=None)
    torch.testing.assert_close(cta("published")(without), cta("corrected")(without))


@RULES
def test_attention_gets_no_gradient(rules):
    embeddings = embeddings_of(Shape())
    embeddings.text_attention_BT.requires_grad_()
    embeddings.image_attention_BP.requires_grad_()
    assert not cta(rules)(embeddings).requires_grad


@given(
    attention=st.lists(st.floats(0.0, 1.0, width=32), min_size=1, max_size=120),
    padding=st.integers(0, 5),
    garbage=st.floats(0.0, 1.0, width=32),
)
def test_weights_clip_where_torch_quantile_does(attention, padding, garbage):
    row = torch.tensor(attention, dtype=torch.float32)
    low, high = torch.quantile(row, 0.1), torch.quantile(row, 0.9)
    expected = row.clamp(low, high)
    expected = expected / expected.sum().clamp_min(torch.finfo(torch.float32).tiny)
    padded = pad(row, (0, padding), value=garbage).unsqueeze(0)
    weight = clipped_weights(padded, torch.arange(len(row) + padding).unsqueeze(0) < len(row))
    torch.testing.assert_close(weight[0, : len(row)], expected, rtol=1e-6, atol=0)
    assert (weight[0, len(row) :] == 0).all()


def test_weights_by_hand():
    """0..10 has its 10th percentile at 1 and its 90th at 9; a row's zeros and a row of one word stand apart."""
    attention_BT = torch.zeros(2, 12)
    attention_BT[0, :11] = torch.arange(11.0)
    attention_BT[1, 4] = 0.25
    counted_BT = attention_BT > 0
    counted_BT[0, 0] = True
    expected_T = torch.tensor([1.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 0]) / 55
    weight_BT = clipped_weights(attention_BT, counted_BT)
    torch.testing.assert_close(weight_BT[0], expected_T)
    torch.testing.assert_close(weight_BT[1], torch.eye(12)[4])
