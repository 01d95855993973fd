"""A start that fails before it wrote anything leaves no folder; what was trained stays, with its log."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# retrieval with random weights needs no training
RETRIEVE = ("task=retrieve", "weights=random", "resamples=0")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("seeed=2",), "there is no config key seeed"),
        (("+experiment=pairs", "dataset.table=nowhere.csv"), "dataset.table=nowhere.csv: there is no such file"),
        (("datamodule.batch_size=0",), "datamodule.batch_size=0 is not valid"),
        (("task=evaluate", "checkpoint=nowhere.ckpt"), "No checkpoint at nowhere.ckpt"),
        (("task=report", "sweep=nowhere"), "sweep=nowhere: there is no such folder"),
        (("-m", "seeed=1,2"), "there is no config key seeed"),
    ],
    ids=["a typo", "a missing table", "a refused setting", "a missing checkpoint", "a missing sweep", "a sweep"],
)
def test_a_refusal_leaves_no_folder(words: tuple[str, ...], reason: str, run_cli: Callable, tmp_path: Path) -> None:
    answer = run_cli(*words)
    assert answer.code == 1
    assert reason in answer.err
    assert not (tmp_path / "outputs").exists()


def test_a_folder_that_the_user_named_is_removed_if_it_was_made(run_cli: Callable, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "notes.txt").touch()
    for folder in (there, tmp_path / "new" / "run"):
        assert run_cli("datamodule.batch_size=0", f"hydra.run.dir={folder}").code == 1
    assert (there / "notes.txt").is_file()
    assert not (tmp_path / "new").exists()


def test_a_defect_leaves_its_traceback(
    run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*of: object, **settings: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("src.tasks.retrieve.heading_of", fail)
    with pytest.raises(ZeroDivisionError):
        run_cli(*tiny, *RETRIEVE)
    (log,) = (tmp_path / "outputs").rglob("run.log")
    assert log.parent.name.endswith("_retrieve_phantom")
    assert "Traceback" in log.read_text()
    assert log.read_text().endswith("ZeroDivisionError: ours\n")


def test_what_was_trained_before_a_failure_stays_with_its_error(
    run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    # steps so large that the embeddings are no numbers when they are evaluated
    words = ("optimizer.lr=1e30", "scheduler=constant", "task.untrained_baseline=false", "task.pictures=false")
    answer = run_cli(*tiny, *words, "datamodule.batch_size=24")
    assert answer.code == 1
    (log,) = (tmp_path / "outputs").rglob("run.log")
    assert log.read_text().splitlines()[-1] == answer.err.splitlines()[-1]
    assert "not finite" in answer.err
    assert (log.parent / "metrics.csv").is_file()


def test_a_sweep_that_began_no_job_leaves_an_earlier_one_as_it_was(run_cli: Callable, tmp_path: Path) -> None:
    sweep = tmp_path / "outputs" / "sweeps" / "mgca"
    (sweep / "0").mkdir(parents=True)
    (sweep / "multirun.yaml").write_text("hydra: of the earlier one\n")
    os.utime(sweep / "0", (1, 1))
    assert run_cli("-m", "seeed=1,2").code == 1
    assert (sweep / "multirun.yaml").read_text() == "hydra: of the earlier one\n"
