"""Gradient caching: gradients, figures and running statistics of the whole batch, a micro-batch at a time."""

import pytest
import torch

from src.core.errors import UserError
from src.tasks.gradient_cache import GradientCache
from src.tasks.pretrain_module import PretrainModule
from tests.tasks.made_pairs import gradients_of, made_batch, made_module, part_of

EVERY = ["ita", "cta", "cpa", "clip", "siglip"]


def one_step(module: PretrainModule, pairs: int = 7) -> PretrainModule:
    module.train()
    module.training_step(made_batch(pairs), 0).backward()
    return module


def cached(micro_batch_size: int, *, whole: bool = True) -> GradientCache:
    return GradientCache(micro_batch_size=micro_batch_size, whole_batch_norm=whole)


@pytest.mark.parametrize("micro_batch_size", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("rules", ["corrected", "published"])
def test_a_whole_batch_norm_gives_the_whole_batch_s_gradients(micro_batch_size, rules):
    plain = one_step(made_module(EVERY, rules=rules))
    parted = one_step(made_module(EVERY, rules=rules, gradient_cache=cached(micro_batch_size)))
    torch.testing.assert_close(gradients_of(parted), gradients_of(plain), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(dict(parted.named_buffers()), dict(plain.named_buffers()))
    assert parted.logged == pytest.approx(plain.logged, rel=1e-9)


def test_batch_norms_inside_the_encoder_are_held():
    plain = made_module(EVERY, encoder_batch_norm=True)
    plain.train()
    plain.model.image_encoder.norm.eval()
    plain.training_step(made_batch(7), 0).backward()
    parted = one_step(made_module(EVERY, encoder_batch_norm=True, gradient_cache=cached(2)))
    torch.testing.assert_close(gradients_of(parted), gradients_of(plain), rtol=1e-9, atol=1e-12)
    assert parted.model.image_encoder.norm.num_batches_tracked == 0
    assert parted.model.text_local.expand_norm.num_batches_tracked == 1


@pytest.mark.parametrize("encoder_batch_norm", [True, False])
def test_otherwise_each_micro_batch_is_normalised_by_itself(encoder_batch_norm):
    parted = one_step(
        made_module(EVERY, encoder_batch_norm=encoder_batch_norm, gradient_cache=cached(3, whole=False)), 6
    )
    plain = made_module(EVERY, encoder_batch_norm=encoder_batch_norm).train()
    halves = [plain.model(part_of(made_batch(6), first, 3)) for first in (0, 3)]
    joined = type(halves[0])(
        *(torch.cat([getattr(half, name) for half in halves]) for name in list(halves[0].__dataclass_fields__)[:7])
    )
    plain.loss(joined)[0].backward()
    torch.testing.assert_close(gradients_of(parted), gradients_of(plain), rtol=1e-9, atol=1e-12)
    # run twice, counted once
    torch.testing.assert_close(dict(parted.named_buffers()), dict(plain.named_buffers()))
    other = one_step(made_module(EVERY, encoder_batch_norm=encoder_batch_norm), 6)
    assert not torch.allclose(parted.model.image_global.reduce.weight.grad, other.model.image_global.reduce.weight.grad)


def test_dropout_is_drawn_once():
    module = made_module(["ita"], gradient_cache=cached(2))
    module.model.image_encoder.whole = torch.nn.Sequential(module.model.image_encoder.whole, torch.nn.Dropout(0.5))
    drawn = []
    module.model.image_encoder.whole[1].register_forward_hook(lambda *of: drawn.append(of[2].detach().clone()))
    one_step(module, 4)
    first, second = drawn[:2], drawn[2:]
    # in the backward pass the last micro-batch comes first
    assert torch.equal(second[0], first[1])
    assert torch.equal(second[1], first[0])


def test_validation_embeds_whole_batches():
    module = made_module(["ita"], gradient_cache=cached(2)).eval()
    module.validation_step(made_batch(5), 0)
    assert "val/ita" in module.logged


@pytest.mark.parametrize(("size", "whole"), [(0, True), (1, False)])
def test_too_small_a_micro_batch_is_refused(size, whole):
    with pytest.raises(UserError, match="micro_batch_size is"):
        cached(size, whole=whole)


def test_a_rest_of_one_pair_is_refused_where_it_would_be_normalised_by_itself():
    with pytest.raises(UserError, match="holds 1 pair"):
        one_step(made_module(["ita"], gradient_cache=cached(2, whole=False)), 3)
