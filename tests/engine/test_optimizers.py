import inspect
from collections.abc import Callable

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from src.core.errors import UserError
from src.engine.build import build
from src.engine.optimizers import AdamW
from src.engine.schedulers import Constant
from src.engine.validate import validate
from src.tasks.recipes import try_recipes


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


def _recipe(**node: object) -> Callable[..., torch.optim.Optimizer]:
    """As a yaml of conf/optimizer that names torch's class gives it."""
    cfg = OmegaConf.create({"optimizer": node})
    validate(cfg, given={})
    return build(cfg, "optimizer")


SETTINGS = {"Muon": {"lr": 0.01}}
"""Of optimizers whose defaults fit no small layer."""
WITHOUT_DENSE_GRADIENTS = {"SparseAdam"}
EVERY = sorted(
    name
    for name, kind in vars(torch.optim).items()
    if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer) and kind is not torch.optim.Optimizer
)


@pytest.mark.parametrize("partial", [True, None])
@pytest.mark.parametrize("name", EVERY)
def test_every_optimizer_of_torch_is_a_yaml(name: str, partial: bool | None) -> None:
    node = {"_target_": f"torch.optim.{name}", **SETTINGS.get(name, {})}
    recipe = _recipe(**node, **({"_partial_": True} if partial else {}))
    if name in WITHOUT_DENSE_GRADIENTS:
        with pytest.raises(UserError, match="optimizer cannot be used: SparseAdam does not support dense gradients"):
            try_recipes(recipe, Constant())
        return
    if name == "Muon":
        with pytest.raises(UserError, match="Muon only supports 2D parameters"):
            try_recipes(recipe, Constant())
        return
    try_recipes(recipe, Constant())
    assert type(recipe([nn.Linear(2, 2)])).__name__ == name


def test_sgd_steps_as_its_formula_says_and_spares_norms_and_biases() -> None:
    settings = {"lr": 0.1, "weight_decay": 0.5, "decay_norms_and_biases": False}
    layer = nn.Linear(1, 1)
    nn.init.constant_(layer.weight, 2.0)
    nn.init.constant_(layer.bias, 3.0)
    optimizer = _recipe(_target_="torch.optim.SGD", _partial_=True, **settings)([layer])
    (layer.weight.sum() + layer.bias.sum()).backward()
    optimizer.step()
    torch.testing.assert_close(layer.weight.data, torch.tensor([[2.0 - 0.1 * (1 + 0.5 * 2.0)]]))
    torch.testing.assert_close(layer.bias.data, torch.tensor([3.0 - 0.1]))
    (group,) = _recipe(_target_="torch.optim.SGD", lr=0.1, weight_decay=0.5)([layer]).param_groups
    assert group["weight_decay"] == 0.5


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"lr": -1.0}, "optimizer cannot be used: Invalid learning rate: -1.0; correct its settings"),
        ({"momentum": 0.0, "nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
        ({"momentom": 0.9}, r"optimizer\.momentom is not a setting of torch\.optim\.SGD; did you mean momentum\?"),
        ({"lr": "fast"}, r"optimizer\.lr=fast is not valid"),
        ({"params": []}, r"optimizer\.params is not a setting"),
        ({"decay_norms_and_biases": "some"}, r"optimizer\.decay_norms_and_biases=some is not valid"),
    ],
)
def test_settings_that_do_not_fit_are_one_sentence(node: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        try_recipes(_recipe(_target_="torch.optim.SGD", **node), Constant())


def test_nothing_to_train_is_said() -> None:
    with pytest.raises(UserError, match="no parameter to train"):
        _recipe(_target_="torch.optim.SGD")([nn.ReLU()])
    with pytest.raises(UserError, match="no parameter to train"):
        AdamW(lr=1e-3, betas=[0.9, 0.999], weight_decay=0.0, decay_norms_and_biases=True)([nn.ReLU()])


@pytest.mark.parametrize("key", ["probe", "tuning"])
def test_those_inside_a_probe_and_a_tuning_are_made_too(key: str) -> None:
    inner = {"_target_": "torch.optim.SGD", "lr": 0.3}
    step = {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 2}
    cfg = OmegaConf.create({key: {"_target_": "builtins.dict", "optimizer": inner, "scheduler": step}})
    made = build(cfg, key)
    optimizer = made["optimizer"]([nn.Linear(1, 1)])
    assert optimizer.param_groups[0]["lr"] == 0.3
    assert made["scheduler"](optimizer, 9)["interval"] == "epoch"
