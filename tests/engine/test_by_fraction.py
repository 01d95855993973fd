"""Values of a yaml that depend on the share of the training data; the published ones."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from src.engine import by_fraction
from src.engine.say import CONF
from src.engine.schema import RunConfig


@pytest.mark.parametrize(("fraction", "value"), [(0.01, 8), (0.1, 16), (1.0, 16), (1, 16), (0.02, 16)])
def test_it_is_the_value_of_the_fraction(fraction: float, value: int) -> None:
    by_fraction.register()
    cfg = OmegaConf.create({"datamodule": {"fraction": fraction}, "a": {"size": "${by_fraction:{0.01:8},16}"}})
    assert cfg.a.size == value


def test_several_fractions_and_plain_numbers() -> None:
    by_fraction.register()
    cfg = OmegaConf.create({"datamodule": {"fraction": 0.1}, "lr": "${by_fraction:{0.01:2.5e-4,0.1:1.0e-4},5.0e-4}"})
    assert cfg.lr == 1e-4
    assert isinstance(cfg.lr, float)


# The released scripts and the defaults of their arguments.
PUBLISHED = {
    ("detect/rsna", 0.01): (8, 2e-4, 1e-6),
    ("detect/rsna", 0.1): (16, 5e-4, 1e-6),
    ("detect/rsna", 1.0): (16, 5e-4, 1e-6),
    ("detect/object_cxr", 0.01): (8, 2.5e-4, 1e-6),
    ("detect/object_cxr", 0.1): (16, 5e-4, 1e-6),
    ("detect/object_cxr", 1.0): (16, 5e-4, 1e-6),
    ("segment/siim", 0.01): (8, 5e-4, 0.05),
    ("segment/siim", 1.0): (8, 5e-4, 0.05),
    ("segment/rsna", 0.01): (16, 5e-4, 0.05),
    ("segment/rsna", 1.0): (16, 5e-4, 0.05),
}


@pytest.mark.parametrize(("run", "published"), PUBLISHED.items(), ids=map(str, PUBLISHED))
def test_the_published_protocol(run: tuple[str, float], published: tuple[int, float, float]) -> None:
    cfg = _composed(f"+experiment={run[0]}", f"datamodule.fraction={run[1]}")
    optimizer = cfg.tuning.optimizer
    assert (cfg.tuning.batch_size, optimizer.lr, optimizer.weight_decay) == published
    assert optimizer._target_.endswith(".AdamW")
    assert tuple(optimizer.betas) == (0.9, 0.999)
    assert (cfg.tuning.trained_blocks, cfg.tuning.batch_norm, cfg.tuning.drop_last) == (0, "published", True)
    assert (cfg.tuning.max_epochs, cfg.tuning.patience) == (50, 10)
    assert cfg.trainer.precision == "32-true"


def test_the_published_split_of_rsna() -> None:
    detection, segmentation = (_composed(f"+experiment={task}/rsna").dataset for task in ("detect", "segment"))
    assert detection.split == segmentation.split
    assert (segmentation.split.val, segmentation.split.test) == (0.2, 0.2)
    assert segmentation.masks == "boxes"


def test_a_typed_value_wins() -> None:
    cfg = _composed("+experiment=detect/rsna", "datamodule.fraction=0.01", "tuning.batch_size=4")
    assert (cfg.tuning.batch_size, cfg.tuning.optimizer.lr) == (4, 2e-4)


def _composed(*words: str) -> object:
    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="schema", node=RunConfig)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", overrides=[*words])
