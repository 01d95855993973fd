"""What a node's constructor receives."""

import pytest
from omegaconf import OmegaConf

from src.core.errors import UserError
from src.core.evaluated_model import EvaluatedModel
from src.engine.build import build


def test_dataclasses_arrive_as_they_are() -> None:
    cfg = OmegaConf.create({"part": {"_target_": "builtins.dict", "plain": [1, {"a": 2}]}})
    model = EvaluatedModel(architecture="resnet50", weights="random")
    built = build(cfg, "part", model=model, number=3)
    assert built == {"plain": [1, {"a": 2}], "model": model, "number": 3}
    assert built["model"] is model
    assert type(built["plain"]) is list


def needs_a_package() -> None:
    raise ModuleNotFoundError("No module named 'no_such_package'")


def test_a_package_that_is_missing_is_named() -> None:
    cfg = OmegaConf.create({"logger": {"mine": {"_target_": "tests.engine.test_build.needs_a_package"}}})
    with pytest.raises(
        UserError,
        match=r"logger\.mine \(tests.*\) needs a package .*no_such_package",
    ):
        build(cfg, "logger.mine")


def test_what_hydra_itself_refuses_to_build_is_named() -> None:
    cfg = OmegaConf.create({"logger": {"mine": {"_target_": "os.system", "command": "true"}}})
    with pytest.raises(UserError, match=r"logger\.mine \(os\.system\) cannot be built: Target .* is blocklisted"):
        build(cfg, "logger.mine")
