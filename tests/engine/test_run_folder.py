"""Which folder a start gets, what it is called, and when it is removed again."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from src.engine import run_folder
from src.engine.run_folder import ClaimRunFolder, claim_folder, is_claimed, remove_if_nothing_was_written, run_title


@pytest.fixture(autouse=True)
def first_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("task", "name", "choices", "title"),
    [
        ("pretrain", "demo", {"experiment": "demo"}, "pretrain_demo"),
        ("classify", "classify_rsna", {"experiment": "classify/rsna"}, "classify_rsna"),
        ("evaluate", "classify_rsna", {"experiment": "classify/rsna"}, "evaluate_classify_rsna"),
        ("doctor", "mgca", {"dataset": "siim"}, "doctor_siim"),
        ("pretrain", "mgca", {"dataset": "phantom", "experiment": "ours/first"}, "pretrain_ours_first"),
        ("pretrain", "mgca", {"experiment": "['demo', 'ours']"}, "pretrain_demo_ours"),
        ("pretrain", "Müller 3/4", {}, "pretrain_Müller_3_4"),
        ("report", "report", {}, "report"),
    ],
)
def test_the_title_is_the_task_and_the_name_or_the_experiment(task: str, name: str, choices: dict, title: str) -> None:
    assert run_title(task, name, choices) == title


def test_the_default_name_is_the_config_s(composed: Callable[..., Any]) -> None:
    assert composed().name == run_folder.DEFAULT_NAME


def test_starts_of_one_second_get_folders_of_their_own(tmp_path: Path) -> None:
    wanted = tmp_path / "outputs" / "2026-11-28" / "20-15-02_pretrain_demo"
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(claim_folder(wanted))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [wanted.name, *(f"{wanted.name}_{number}" for number in range(2, 9))]
    assert sorted(path.name for path in found) == sorted(names)
    assert all(path.is_dir() for path in found)


def _started(pattern: str) -> str:
    config = OmegaConf.create({"hydra": {"run": {"dir": pattern}}})
    OmegaConf.set_readonly(config.hydra, True)
    ClaimRunFolder().on_run_start(config)
    return str(config.hydra.run.dir)


def test_a_folder_with_the_time_is_the_start_s_own(tmp_path: Path) -> None:
    # the resolver of Hydra, with a clock that stands
    OmegaConf.register_new_resolver("now", lambda pattern: f"at_{pattern}", replace=True)
    pattern = f"{tmp_path}/${{now:x}}"
    assert [_started(pattern) for _ in range(3)] == [f"{tmp_path}/at_x{suffix}" for suffix in ("", "_2", "_3")]


def test_a_folder_that_was_named_is_used_as_given(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    assert [_started(str(folder)) for _ in range(2)] == [str(folder)] * 2
    assert not folder.exists()
    # two starts may have named it
    assert not is_claimed(folder)


def test_other_processes_claim_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    OmegaConf.register_new_resolver("now", lambda pattern: f"at_{pattern}", replace=True)
    assert _started(f"{tmp_path}/${{now:x}}") == f"{tmp_path}/at_x"
    assert not (tmp_path / "at_x").exists()


def test_a_start_that_wrote_nothing_leaves_nothing(tmp_path: Path) -> None:
    folder = claim_folder(tmp_path / "outputs" / "2026-11-28" / "20-15-02_pretrain_demo")
    (folder / "checkpoints").mkdir()
    for name in ("run.log", "checkpoints/config.yaml", "checkpoints/provenance.json"):
        (folder / name).touch()
    assert remove_if_nothing_was_written(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_start_beside_another_leaves_that_one_its_folder(tmp_path: Path) -> None:
    one, other = (claim_folder(tmp_path / "outputs" / "day" / "run") for _ in range(2))
    assert remove_if_nothing_was_written(one)
    assert other.is_dir()
    # the day's folder was made by the first, which could not remove it
    assert remove_if_nothing_was_written(other)
    assert not other.parent.exists()


@pytest.mark.parametrize("name", ["checkpoints/last.ckpt", "metrics.csv", "notes.txt"])
def test_what_was_written_stays_with_its_log(name: str, tmp_path: Path) -> None:
    folder = claim_folder(tmp_path / "run")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).touch()
    (folder / "run.log").touch()
    assert not remove_if_nothing_was_written(folder)
    assert (folder / name).is_file()
    assert (folder / "run.log").is_file()


def test_a_folder_that_was_there_is_never_removed(tmp_path: Path) -> None:
    assert not is_claimed(tmp_path)
    assert not remove_if_nothing_was_written(tmp_path)
    assert tmp_path.is_dir()
