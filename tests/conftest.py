"""Options and fixtures that every test may use."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["WANDB_MODE"] = "offline"

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    shared = ROOT.parent / "shared"
    parser.addoption("--golden", type=Path, default=shared / "golden", help="folder of golden values")
    parser.addoption("--shared", type=Path, default=shared, help="folder of real X-rays, reports and label tables")


def pytest_configure(config: pytest.Config) -> None:
    import torch
    from hypothesis import settings

    from src.core.torchvision_ops import ensure_torchvision

    settings.register_profile("house", derandomize=True, deadline=None, max_examples=25)
    settings.load_profile("house")
    ensure_torchvision()
    # Two threads that wait for each other on a busy machine are slower than one.
    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that wait for processes of their own, so that none is left for the end."""
    slow = {"test_processes.py", "test_misfortunes.py"}
    items.sort(key=lambda item: not (item.path.name in slow and item.path.parent.name == "tasks"))


def _folder(path: Path, option: str) -> Path:
    if not path.is_dir():
        pytest.skip(f"{path} is not there; name the folder with {option}")
    return path


@pytest.fixture(scope="session")
def golden_dir(request: pytest.FixtureRequest) -> Path:
    """The folder of golden values, or a skip that says where it was looked for."""
    return _folder(request.config.getoption("--golden"), "--golden")


@pytest.fixture(scope="session")
def shared_dir(request: pytest.FixtureRequest) -> Path:
    """The folder of real data, or a skip that says where it was looked for."""
    return _folder(request.config.getoption("--shared"), "--shared")


@pytest.fixture(scope="session")
def composed() -> Callable[..., Any]:
    """The config of a run, composed and not resolved; called with its overrides."""

    def compose_config(*overrides: str) -> Any:
        from hydra import compose, initialize_config_dir
        from hydra.core.config_store import ConfigStore
        from hydra.core.global_hydra import GlobalHydra

        from src.engine.schema import RunConfig

        GlobalHydra.instance().clear()
        ConfigStore.instance().store(name="schema", node=RunConfig)
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            return compose("config", overrides=list(overrides))

    return compose_config


class Answer(NamedTuple):
    """What a run of the entrypoint left: its exit code (0 where it returned), what it printed, its error message."""

    code: int
    out: str
    err: str


@pytest.fixture
def run_cli(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Answer]:
    """``python -m src.run ...`` in this process, its outputs below ``tmp_path/outputs``."""

    def run(*arguments: str) -> Answer:
        from hydra.core.global_hydra import GlobalHydra

        from src.run import cli

        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", ["run.py", *arguments, f"paths.output={tmp_path / 'outputs'}"])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
        capsys.readouterr()
        code, message = 0, ""
        try:
            cli()
        except SystemExit as stop:
            code, message = (1, stop.code) if isinstance(stop.code, str) else (stop.code or 0, "")
        printed = capsys.readouterr()
        return Answer(code, printed.out, f"{printed.err}{message}")

    return run


TINY = (
    "encoder/image=small_vit",
    "encoder.image.image_size=32",
    "encoder.image.model_args.embed_dim=32",
    "encoder.image.model_args.depth=2",
    "encoder.text.num_layers=1",
    "encoder.text.architecture.hidden_size=32",
    "encoder.text.architecture.intermediate_size=32",
    "model.hidden_dim=16",
    "model.embedding_dim=16",
    "transform.size=36",
    "transform.crop=32",
    "dataset.size=64",
    "dataset.train=24",
    "dataset.val=16",
    "dataset.test=16",
    "datamodule.batch_size=8",
    "datamodule.num_workers=0",
    "trainer.enable_progress_bar=false",
    "trainer.max_epochs=2",
)
"""Overrides that make a run of the default experiment take a second or two."""


PRETRAINING = ("datamodule.batch_size=", "trainer.max_epochs=")
"""Settings of which a probe or a tuning has its own."""


@pytest.fixture
def tiny_head(tiny: tuple[str, ...]) -> tuple[str, ...]:
    """The same for a task that trains a head by its probe or its tuning."""
    return tuple(word for word in tiny if not word.startswith(PRETRAINING))


@pytest.fixture
def tiny() -> tuple[str, ...]:
    """Overrides that make a run of the default experiment take a second or two."""
    return TINY
