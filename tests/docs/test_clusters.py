"""Every command of docs/clusters.md composes: its keys and options exist."""

import re
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from src.engine.schema import RunConfig
from tests.docs.commands import commands, overrides

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = commands(ROOT / "docs/clusters.md")
RUNS = [words for words in map(overrides, COMMANDS) if words is not None]


def jobs(words: list[str]) -> list[list[str]]:
    """The overrides of each job of a sweep, or of the one run."""
    if "-m" not in words:
        return [words]
    parsed = OverridesParser.create().parse_overrides([word for word in words if word != "-m"])
    (batch,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    return batch


@pytest.mark.parametrize("words", RUNS, ids=" ".join)
def test_it_composes(words: list[str]) -> None:
    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="schema", node=RunConfig)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for job in jobs(words):
            cfg = compose("config", job, return_hydra_config=True)
            trains = OmegaConf.select(cfg, "task._target_") == "src.tasks.pretrain.pretrain"
            assert trains or {"task=prepare", "task=bench"} & set(job)


def test_the_page_has_all_kinds_of_commands() -> None:
    text = [" ".join(words) for words in COMMANDS]
    assert len(RUNS) > 12
    for kind in ("srun ", "torchrun ", "until ", "make docker-train", "docker compose", "MASTER_ADDR="):
        assert any(line.startswith(kind) for line in text), kind
    for option in ("-m", "hydra/launcher=submitit_slurm", "hydra/launcher=joblib", "resume=auto"):
        assert any(option in words for words in RUNS), option


def test_processes_a_node_are_devices() -> None:
    """Lightning refuses to start where Slurm or torchrun start another number of processes than trainer.devices."""
    for words in COMMANDS:
        line = " ".join(words)
        started = re.search(r"(?:--ntasks-per-node=|--nproc-per-node |tasks_per_node=)(\d+)", line)
        if started:
            assert f"trainer.devices={started[1]}" in words, line


def test_what_make_is_given_is_a_setting_of_the_makefile() -> None:
    settings = set(re.findall(r"^(\w+) +\?=", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    given = {word.partition("=")[0] for words in COMMANDS if words[0] == "make" for word in words[2:]}
    assert {"EXPERIMENT", "GPUS", "DATA", "ARGS"} <= given <= settings


def test_every_link_leads_somewhere() -> None:
    text = (ROOT / "docs/clusters.md").read_text()
    titles = {line.lstrip("# ").lower().replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert link[1:] in titles if link.startswith("#") else (ROOT / "docs" / link).exists(), link
