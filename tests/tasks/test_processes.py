"""Real processes, started by the real command and then killed, told to stop, and fed with damaged files."""

import csv
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from src.core.checkpoint import read_tensors
from tests.conftest import ROOT, TINY
from tests.tasks.real_processes import children_of, ended, run, started, wait_for_change

TWO = (
    *("trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=32-true"),
    *("datamodule.batch_size=4", "trainer.max_epochs=4"),
)
QUICK = ("task.untrained_baseline=false", "task.pictures=false", "resamples=0", "callbacks.early_stopping=null")
IN_PROC = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds processes in /proc")
KEPT = ["config.yaml", "last.ckpt", "previous.ckpt", "provenance.json"]


def step_of(checkpoint: Path) -> int:
    return torch.load(checkpoint, weights_only=True)["global_step"]


def rows_of(metrics: Path) -> list[dict[str, str]]:
    with metrics.open() as file:
        return [row for row in csv.DictReader(file) if row["train/loss"] or row["val/loss"]]


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def assert_same_weights(one: Path, other: Path) -> None:
    expected, found = (read_tensors(folder / "checkpoints" / "last.ckpt") for folder in (one, other))
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert torch.equal(found[name], tensor), name


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two jobs of two processes each, which nothing disturbs."""
    output = tmp_path_factory.mktemp("undisturbed")
    typed = ("-m", *TINY, *TWO, *QUICK, "seed=1,2", "logger=[csv,wandb]")
    answer = run(output / "printed", *typed, f"paths.output={output}")
    assert answer.code == 0, answer.err
    return output / "sweeps" / "mgca"


def test_a_sweep_of_two_jobs_of_two_processes(sweep: Path) -> None:
    assert sorted(path.name for path in sweep.iterdir()) == ["0", "1", "multirun.yaml"]
    for job in (sweep / "0", sweep / "1"):
        assert len(list(job.glob("wandb/offline-run-*/*.wandb"))) == 1
        assert len(list(job.rglob("metrics.csv"))) == 1
        assert {path.name for path in job.iterdir() if path.is_file()} >= {"done.json", "results.json", "run.log"}
        assert not (job / "failed.json").exists()
        assert sorted(path.name for path in (job / "checkpoints").glob("[!e]*")) == KEPT
    assert (sweep / "0" / "results.json").read_text() != (sweep / "1" / "results.json").read_text()


@IN_PROC
def test_a_dead_rank_and_a_damaged_checkpoint_and_still_the_same_weights(sweep: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    last, previous = (folder / "checkpoints" / name for name in ("last.ckpt", "previous.ckpt"))
    often = (*TINY, *TWO, *QUICK, "callbacks.last.every_minutes=1e-6")

    with started(folder, *often) as process:
        wait_for_change(previous, process)
        os.kill(children_of(process.pid)[1], signal.SIGKILL)
        dead = ended(process, folder, within_s=30)
    assert dead.code == 1
    assert "Traceback" not in dead.err
    (line,) = [line for line in dead.err.splitlines() if line.startswith("Error")]
    assert line.startswith("Error: process 1 of this training was killed by SIGKILL")
    assert line.endswith("the others were stopped. To go on from its last checkpoint:")
    assert f"{folder} resume=auto" in dead.err
    assert not (folder / "done.json").exists()

    damage(last)
    finished = run(folder, *often, "resume=auto")
    assert finished.code == 0, finished.err
    assert f"{last} is damaged; going on from {previous}" in finished.out
    assert "trained" in (folder / "results.json").read_text()
    assert_same_weights(sweep / "0", folder)
    assert sorted(path.name for path in (folder / "checkpoints").glob("[!e]*")) == KEPT


def test_killed_and_told_to_stop_and_still_the_same_weights(run_cli: Callable, tmp_path: Path) -> None:
    """In one process, with augmentation and dropout."""
    folder = tmp_path / "killed"
    last = folder / "checkpoints" / "last.ckpt"
    typed = (*TINY, *QUICK, "dataset.train=48", "trainer.max_epochs=2")
    often = (*typed, "callbacks.last.every_minutes=1e-6", "encoder.text.architecture.hidden_dropout_prob=0.2")
    with started(folder, *often) as process:
        wait_for_change(folder / "checkpoints" / "previous.ckpt", process)
        process.kill()
    before = step_of(last)
    with started(folder, *often, "resume=auto") as process:
        wait_for_change(last, process, since=last.stat().st_mtime_ns)
        os.kill(process.pid, signal.SIGTERM)
        told = ended(process, folder, within_s=30)
    assert told.code == 75, told.err
    assert f"the state is in {last}" in told.out
    assert "Traceback" not in told.err
    assert 0 < before < step_of(last) < 12
    # what it printed, as it printed it
    (line,) = [line for line in told.out.splitlines() if "-m src.run" in line]
    # one thread, as in this process: sums of several differ in their last bits
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(line, shell=True, capture_output=True, text=True, cwd=ROOT, env=alone)
    assert finished.returncode == 0, finished.stderr
    assert f"Resuming from {last}" in finished.stdout
    whole = run_cli(*often, f"hydra.run.dir={tmp_path / 'whole'}")
    assert whole.code == 0, whole.err
    assert_same_weights(tmp_path / "whole", folder)
    # what was logged before it was broken off is there too
    logged = [[row["step"] for row in rows_of(path / "metrics.csv")] for path in (tmp_path / "whole", folder)]
    assert logged[0] == logged[1]


def test_a_hostile_checkpoint_is_refused_and_not_run(tmp_path: Path) -> None:
    folder, canary = tmp_path / "hostile", tmp_path / "canary"

    class Hostile:
        def __reduce__(self) -> tuple:
            return os.system, (f"touch {canary}",)

    (folder / "checkpoints").mkdir(parents=True)
    torch.save({"state_dict": Hostile()}, folder / "checkpoints" / "last.ckpt")
    answer = run(folder, *TINY, "resume=auto")
    assert answer.code == 1
    assert "last.ckpt asks for posix.system, which is more than tensors and plain values" in answer.err
    assert "Traceback" not in answer.err
    assert not canary.exists()


@IN_PROC
def test_submitit_s_job_is_queued_again_and_goes_on(tmp_path: Path) -> None:
    sweep = tmp_path / "sweeps" / "mgca"
    typed = ("-m", "hydra/launcher=submitit_local", *TINY, *QUICK, "seed=1", "resume=auto", "trainer.max_epochs=6")
    with started(tmp_path / "printed", *typed, "callbacks.last.every_minutes=1e-6", f"paths.output={tmp_path}") as sent:
        wait_for_change(sweep / "0" / "checkpoints" / "previous.ckpt", sent)
        (number,) = [path.name for path in (sweep / ".submitit").iterdir() if path.name.isdigit()]
        (job,) = children_of(int(number))
        os.kill(job, signal.SIGUSR2)
        answer = ended(sent, tmp_path / "printed")
    assert answer.code == 0, answer.err
    log = (sweep / "0" / "run.log").read_text()
    assert "told to stop at step" in log
    assert "Requeued job" in log
    (printed,) = (sweep / ".submitit").glob(f"{number}/*_log.out")
    assert f"Resuming from {sweep / '0' / 'checkpoints' / 'last.ckpt'}" in printed.read_text()
    assert (sweep / "0" / "done.json").is_file()
