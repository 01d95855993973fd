"""Which transform an evaluated checkpoint gets, by what was typed and what kind of task it is."""

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from src.core.errors import UserError
from src.engine.say import CONF
from src.engine.schema import RunConfig
from src.engine.trained_run import TrainedRun
from src.engine.trained_transform import bring_transform, transform_changes
from src.engine.typed import typed_settings


def _compose(*words: str) -> DictConfig:
    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="schema", node=RunConfig)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", list(words))
    OmegaConf.set_struct(cfg, False)
    return cfg


def _run(*, references: bool = True) -> TrainedRun:
    """Trained with transform=light at 104 pixels, cut to 96."""
    cfg = _compose("transform.size=104", "transform.crop=96", "transform.train.mean=0.4")
    plain: Any = {"transform": OmegaConf.to_container(cfg.transform, resolve=False)}
    if not references:
        plain = {"transform": OmegaConf.to_container(OmegaConf.select(cfg, "transform"), resolve=True)}
    return TrainedRun(
        source=Path("config.yaml"), config=plain, references=references, choices={"transform": "light"}, overrides=()
    )


def _bring(*words: str, run: TrainedRun | None = None, dense: bool = False, trains: bool = False) -> DictConfig:
    cfg, run = _compose(*words), run or _run()
    typed = typed_settings(words)
    bring_transform(cfg, run, typed, checkpoint=Path("x.ckpt"), dense=dense, trains=trains, free=False)
    return cfg


def _names(node: Any) -> list[str]:
    return [one._target_.rpartition(".")[2] for one in node]


@pytest.mark.parametrize("references", [True, False])
@pytest.mark.parametrize("words", [(), ("transform=light",), ("transform.size=104", "transform.crop=96")])
def test_the_runs_own(words: tuple[str, ...], references: bool) -> None:
    run = _run(references=references)
    cfg = _bring(*words, run=run)
    assert OmegaConf.to_container(cfg.transform, resolve=True) == run.value("transform")
    assert transform_changes(cfg, run, dense=False) == []


def test_the_protocol_keeps_its_augmentation_and_the_run_its_images() -> None:
    run = _run()
    cfg = _bring("+experiment=classify/rsna", trains=True, run=run)
    assert _names(cfg.transform.train.ops) == ["RandomCrop"]
    assert (cfg.transform.train.ops[0].height, cfg.transform.train.resize[0].size, cfg.transform.train.mean) == (
        96,
        104,
        0.4,
    )
    assert OmegaConf.to_container(cfg.transform.eval, resolve=True) == run.value("transform.eval")
    assert transform_changes(cfg, run, dense=False) == []
    # without an experiment the training's own
    assert _names(_bring(trains=True).transform.train.ops) == ["Affine", "RandomCrop", "RandomBrightnessContrast"]


@pytest.mark.parametrize(
    "words", [("transform=whole",), ("transform=published",), ("transform=whole", "transform.size=96")]
)
def test_a_dense_task_sees_whole_images_of_the_trained_side(words: tuple[str, ...]) -> None:
    cfg = _bring(*words, dense=True, trains=True)
    assert (cfg.transform.size, cfg.transform.crop, cfg.transform.eval.mean) == (96, 96, 0.4)
    assert cfg.transform.eval.resize[1].min_height == 96
    assert transform_changes(cfg, _run(), dense=True) == []


def test_a_forced_size_of_whole_images_is_not_cut() -> None:
    cfg = _bring("transform=whole", "transform.size=128", "force_transform=true", dense=True, trains=True)
    assert (cfg.transform.size, cfg.transform.crop) == (128, 128)
    assert transform_changes(cfg, _run(), dense=True) == [
        "transform.size=128 (trained with 96)",
        "transform.crop=128 (trained with 96)",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("transform.size=120",), r"transform\.size=104 \(here 120\)"),
        (("transform.eval.std=0.2",), r"transform\.eval\.std=0\.5 \(here 0\.2\)"),
        (("transform.train.mean=0.1",), r"transform\.train\.mean=0\.4 \(here 0\.1\)"),
        (("transform.eval.ops=[]",), r"transform\.eval\.ops\.0\._target_=albumentations\.CenterCrop \(here None\)"),
        (("transform=published",), r"transform\.size=104 \(here 256\)"),
    ],
)
def test_another_one_is_refused(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        _bring(*words)


def test_a_size_by_force_needs_the_config_as_composed() -> None:
    words = ("transform.size=120", "force_transform=true")
    assert _bring(*words).transform.eval.resize[0].size == 120
    with pytest.raises(UserError, match=r"transform\.size=120: beside the checkpoint lies config\.yaml alone"):
        _bring(*words, run=_run(references=False))
