"""Every setting that a command of the READMEs types is read by the task that it runs."""

import inspect
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra

from src.engine.parts import Parts
from src.engine.schema import RunConfig
from src.engine.targets import resolve_target
from src.engine.typed import typed_settings
from src.engine.unread import refuse_unread
from tests.docs.commands import commands, overrides
from tests.docs.test_clusters import jobs

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs/clusters.md", *sorted(ROOT.glob("experiments/*/README.md"))]
# commands that leave something out for the reader to fill in
_OPEN = {"...", "1"}
RUNS = [
    tuple(words)
    for page in PAGES
    for words in map(overrides, commands(page))
    if words is not None and not _OPEN & set(words) and not any(word.startswith("sweep=") for word in words)
]


def test_there_are_many_commands() -> None:
    assert len(RUNS) > 60


@pytest.mark.parametrize("words", RUNS, ids=" ".join)
def test_what_is_typed_is_read(words: tuple[str, ...]) -> None:
    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="schema", node=RunConfig)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for job in jobs(list(words)):
            config = [word for word in job if not word.startswith(("hydra.", "hydra/"))]
            cfg = compose("config", config)
            parameters = inspect.signature(resolve_target(cfg.task._target_)).parameters
            parts = [name for name in Parts.names() if name in parameters]
            refuse_unread(cfg, typed_settings(config), parts, task=str(cfg.task._target_), swept=())
