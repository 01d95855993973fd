"""The command that resumes a run reads back, by a shell and by Hydra, as the one that was typed."""

import json
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from src.engine.resume_command import RESUME_WORDS, hydra_quoted, resume_command, with_overrides

LAST = Path("/runs/one two/checkpoints/last.ckpt")
TYPED = ["python", "-m", "src.run", "+experiment=pairs", "dataset.table=a b.csv", "seed=2"]


@pytest.fixture(autouse=True)
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.engine.resume_command.sys.orig_argv", TYPED)


def test_the_typed_words_stay_and_a_shell_reads_them_back() -> None:
    assert shlex.split(resume_command(LAST)) == [*TYPED, 'hydra.run.dir="/runs/one two"', "resume=auto"]


def test_an_earlier_folder_and_resume_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["python", "-m", "src.run", "resume=old.ckpt", "hydra.run.dir=other", "seed=2"]
    monkeypatch.setattr("src.engine.resume_command.sys.orig_argv", words)
    found = shlex.split(resume_command(LAST))
    assert found == ["python", "-m", "src.run", "seed=2", 'hydra.run.dir="/runs/one two"', "resume=auto"]


def test_a_further_setting_takes_the_place_of_the_typed_one() -> None:
    words = ["run", "+optimizer.lr=1", "seed=2"]
    assert with_overrides(words, ["optimizer.lr=0.1"]) == ["run", "seed=2", "optimizer.lr=0.1"]
    assert shlex.split(resume_command(LAST, "seed=3"))[-3:] == [
        'hydra.run.dir="/runs/one two"',
        "resume=auto",
        "seed=3",
    ]


def test_overrides_stay_together_before_options() -> None:
    words = ["run", "-m", "seed=1,2", "--config-dir", "mine"]
    assert with_overrides(words, ["resume=auto"]) == ["run", "-m", "seed=1,2", "resume=auto", "--config-dir", "mine"]
    assert with_overrides(["python", "-m", "src.run"], ["a=1"]) == ["python", "-m", "src.run", "a=1"]


@pytest.mark.parametrize(
    "path", ["/a/b.c-d", "/a b", "/ü/ä=1", "/it's", '/say "x"', "/a,b", "/(1)", "/[2]", "/~x", "/a\\b", "/a\\", '/\\"x']
)
def test_any_folder_is_read_back_by_hydra(path: str) -> None:
    (override,) = OverridesParser.create().parse_overrides([f"hydra.run.dir={hydra_quoted(path)}"])
    assert override.value() == path


def test_the_processes_of_one_training_know_the_command_of_their_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RESUME_WORDS, json.dumps(["run", "a=1", "resume=auto"]))
    assert resume_command(LAST, "a=2") == "run resume=auto a=2"
