"""What an experiment sets of another option than the one that was typed is left out; misspelt keys stay."""

from collections.abc import Callable
from typing import Any

import pytest
from omegaconf import OmegaConf

from src.core.errors import UserError
from src.engine.inherited import leave_out_inherited
from src.engine.typed import typed_settings
from src.engine.validate import validate


@pytest.fixture
def left(composed: Callable[..., Any]) -> Callable[..., Any]:
    def leave_out(*words: str) -> Any:
        from hydra import initialize_config_dir

        from src.engine.say import CONF

        cfg = composed(*words)
        with initialize_config_dir(str(CONF), version_base="1.3"):
            leave_out_inherited(cfg, typed_settings(words), say=False)
        validate(OmegaConf.create({key: cfg[key] for key in ("optimizer", "scheduler")}), given={})
        return cfg

    return leave_out


def test_the_demo_with_another_schedule_or_optimizer(left: Callable[..., Any]) -> None:
    assert list(left("+experiment=demo", "scheduler=constant").scheduler) == ["_target_"]
    assert "warmup_fraction" not in left("+experiment=demo", "scheduler=step").scheduler
    assert left("+experiment=demo").scheduler.warmup_fraction == 0.1
    sgd = left("+experiment=demo", "optimizer=sgd").optimizer
    assert (sgd._target_, sgd.lr, sgd.momentum) == ("torch.optim.SGD", 3e-3, 0.9)


@pytest.mark.parametrize("experiment", ["mgca_vit", "mgca_resnet50", "pairs"])
@pytest.mark.parametrize("words", [("scheduler=constant",), ("optimizer=sgd", "scheduler=step")])
def test_other_experiments_too(experiment: str, words: tuple[str, ...], left: Callable[..., Any]) -> None:
    left(f"+experiment={experiment}", *words)


def test_what_was_typed_stays_and_is_refused(left: Callable[..., Any]) -> None:
    with pytest.raises(UserError, match=r"scheduler\.warmup_fraction is not a setting .*; it takes no settings\."):
        left("+experiment=demo", "scheduler=constant", "scheduler.warmup_fraction=0.2")
    with pytest.raises(UserError, match=r"scheduler\.step_siz is not a setting"):
        left("+experiment=demo", "scheduler=step", "+scheduler.step_siz=3")
