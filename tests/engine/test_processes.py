"""How many processes a command starts, and what it says when one of them ends badly."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from src.core.errors import UserError
from src.core.finished import read_failure, write_failure
from src.engine.devices import processes_here
from src.engine.processes import LOST_PEER, _reason, _wait

TWO = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=32-true")


def trainer(**settings: object) -> object:
    base = {"accelerator": "cpu", "devices": 1, "num_nodes": 1, "strategy": {"_target_": "ddp"}}
    return OmegaConf.create({**base, **settings})


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({}, 0),
        ({"devices": 2}, 2),
        ({"devices": "4"}, 4),
        ({"devices": "auto"}, 0),
        ({"devices": 1, "num_nodes": 2}, 1),
        ({"devices": 2, "strategy": "auto"}, 2),
        ({"devices": 2, "strategy": "ddp_find_unused_parameters_true"}, 2),
        ({"devices": 2, "strategy": "ddp_spawn"}, 0),
        ({"devices": 2, "strategy": "fsdp"}, 0),
    ],
)
def test_one_process_a_device(settings: dict, count: int) -> None:
    assert processes_here(trainer(**settings)) == count


@pytest.mark.parametrize(
    ("environment", "count"),
    [
        ({"RANK": "0", "LOCAL_RANK": "0"}, 0),
        ({"SLURM_STEP_ID": "0", "SLURM_NTASKS": "2"}, 0),
        ({"SLURM_STEP_ID": "0", "SLURM_NTASKS": "1"}, 2),
        ({"SLURM_JOB_ID": "1", "SLURM_NTASKS": "2", "SLURM_PROCID": "0"}, 2),
    ],
    ids=["torchrun", "srun", "srun of one task", "batch script"],
)
def test_none_where_they_are_started_from_outside(
    environment: dict, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert processes_here(trainer(devices=2)) == count


def test_the_reason_is_the_process_s_own_or_its_signal(tmp_path: Path) -> None:
    assert _reason([LOST_PEER, -signal.SIGKILL], 8, tmp_path) == (
        "process 9 of this training was killed by SIGKILL, as the system does where memory runs out; the others were "
        "stopped."
    )
    assert _reason([3, LOST_PEER], 0, tmp_path).startswith("process 0 of this training ended with code 3")
    assert _reason([LOST_PEER, LOST_PEER], 0, tmp_path).startswith("a process of this training on another machine")
    write_failure(tmp_path, "the disk is full.")
    assert _reason([1, LOST_PEER], 0, tmp_path) == "the disk is full."
    assert read_failure(tmp_path) is None


def test_one_that_hangs_after_another_has_failed_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.engine.processes._GRACE_S", 0.2)
    codes = ["import time; time.sleep(60)", "raise SystemExit(5)"]
    processes = [subprocess.Popen([sys.executable, "-c", code]) for code in codes]
    try:
        assert _wait(processes) == [LOST_PEER, 5]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.parametrize("devices", ["two", 0, -3, -1, [0, 1], "0,1"])
def test_devices_that_a_cpu_does_not_have_are_named(devices: object) -> None:
    with pytest.raises(UserError, match=r"trainer\.devices=.* will not do for trainer\.accelerator=cpu; give a number"):
        processes_here(trainer(devices=devices))


@pytest.mark.parametrize("devices", ["two", 0, "0,b", [-1, 0]])
def test_devices_that_no_gpu_can_be_are_named(devices: object) -> None:
    with pytest.raises(UserError, match=r"trainer\.devices=.* give a number above 0.*\[0,1\]"):
        processes_here(trainer(devices=devices, accelerator="gpu"))


@pytest.mark.parametrize("devices", [[0, 3], "0,3", 2, "2"])
def test_gpus_that_are_not_there_are_said(devices: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("src.engine.devices._has_gpu", lambda: True)
        assert processes_here(trainer(devices=devices, accelerator="gpu")) == 2
        patched.setattr("src.engine.devices._has_gpu", lambda: False)
        with pytest.raises(UserError, match=r"no GPU is found here; .*trainer\.accelerator=cpu"):
            processes_here(trainer(devices=devices, accelerator="gpu"))


@pytest.mark.parametrize("rank", ["abc", "2"])
def test_a_machine_out_of_their_number_is_named(
    run_cli: Callable, tiny: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, rank: str
) -> None:
    for name, value in {"MASTER_ADDR": "localhost", "MASTER_PORT": "29500", "NODE_RANK": rank}.items():
        monkeypatch.setenv(name, value)
    answer = run_cli(*tiny, *TWO, "trainer.num_nodes=2")
    assert answer.code == 1
    assert "NODE_RANK" in answer.err
    assert "Traceback" not in answer.err


def test_several_machines_need_a_meeting_point(run_cli: Callable, tiny: tuple[str, ...]) -> None:
    answer = run_cli(
        *tiny, "trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=32-true", "trainer.num_nodes=2"
    )
    assert answer.code == 1
    assert "trainer.num_nodes=2: MASTER_ADDR, MASTER_PORT and NODE_RANK must be in the environment" in answer.err


def test_a_task_that_does_not_train_starts_none(run_cli: Callable, tiny: tuple[str, ...]) -> None:
    two = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.precision=32-true")
    answer = run_cli(*tiny, *two, "task=retrieve", "weights=random", "resamples=0")
    assert answer.code == 0, answer.err
