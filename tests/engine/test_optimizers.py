import torch
from torch import nn

from src.engine.optimizers import AdamW


def _modules() -> list[nn.Module]:
    return [nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)), nn.Linear(4, 2, bias=False)]


def test_norms_and_biases_are_spared_as_an_option() -> None:
    optimizer = AdamW(lr=1e-3, betas=[0.9, 0.999], weight_decay=0.05, decay_norms_and_biases=False)(_modules())
    decayed, spared = optimizer.param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.05, 0.0)
    assert [tuple(p.shape) for p in decayed["params"]] == [(4, 3), (2, 4)]
    assert [tuple(p.shape) for p in spared["params"]] == [(4,), (4,), (4,)]


def test_published_decays_all() -> None:
    optimizer = AdamW(lr=1e-3, betas=[0.9, 0.999], weight_decay=0.05, decay_norms_and_biases=True)(_modules())
    (group,) = optimizer.param_groups
    assert len(group["params"]) == 5
    assert group["weight_decay"] == 0.05


def test_frozen_parameters_are_left_out() -> None:
    modules = _modules()
    modules[1].requires_grad_(False)
    optimizer = AdamW(lr=1e-3, betas=[0.9, 0.999], weight_decay=0.05, decay_norms_and_biases=True)(modules)
    assert all(p.requires_grad for group in optimizer.param_groups for p in group["params"])
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 4


def test_one_step_moves_a_weight_as_adamw_defines_it() -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    optimizer = AdamW(lr=0.1, betas=[0.9, 0.999], weight_decay=0.5, decay_norms_and_biases=True)([layer])
    (3 * layer.weight).sum().backward()
    optimizer.step()
    torch.testing.assert_close(layer.weight.data, torch.tensor([[2.0 * (1 - 0.1 * 0.5) - 0.1]]), rtol=1e-6, atol=0)
