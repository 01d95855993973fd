"""The commands of make docker-build, docker-train and docker-test, as an engine gets them."""

import os
import shlex
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="make is not at home on Windows")


def after(call: list[str], flag: str) -> list[str]:
    """The values of every ``flag value`` of one call."""
    return [value for name, value in pairwise(call) if name == flag]


@pytest.mark.parametrize("target", ["gpu", "cpu", "test"])
def test_build(make: Callable, target: str) -> None:
    made = make("docker-build", f"TARGET={target}", "IMAGE=mine")
    assert made.calls == [
        ["build", "--file", "docker/Dockerfile", "--target", target, "--tag", f"mine:{target}", "."],
    ]


def test_train(make: Callable, tmp_path: Path) -> None:
    (tmp_path / "my data").mkdir()
    made = make("docker-train", "EXPERIMENT=mgca_vit", "DATA=my data", "ARGS=trainer.devices=8 'loss=[ita,cpa]'")
    assert made.code == 0, made.out
    (call,) = made.calls
    assert call[:3] == ["run", "--rm", "--init"]
    assert after(call, "--gpus") == ["all"]
    assert after(call, "--user") == [f"{os.getuid()}:{os.getgid()}"]
    assert after(call, "--shm-size") == ["16g"]
    assert after(call, "--stop-timeout") == ["120"]
    assert after(call, "--mount") == [
        f"type=bind,source={tmp_path}/my data,target=/data,readonly",
        f"type=bind,source={tmp_path}/outputs,target=/app/outputs",
    ]
    assert after(call, "--volume") == [f"mgca-cache-{os.getuid()}:/cache"]
    assert call[call.index("mgca:gpu") :] == [
        *("mgca:gpu", "+experiment=mgca_vit", "trainer.devices=8", "loss=[ita,cpa]"),
    ]
    assert (tmp_path / "outputs").is_dir()


def test_keys_are_handed_over_by_name_only(make: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a-very-secret-key")
    made = make("docker-train", f"DATA={tmp_path}")
    (call,) = made.calls
    assert {"WANDB_API_KEY", "WANDB_MODE"} <= set(after(call, "--env"))
    assert "a-very-secret-key" not in made.out + " ".join(call)


@pytest.mark.parametrize("gpus", ["all", "2", '"device=0,1"'])
def test_gpus_arrive_as_they_are_written(make: Callable, tmp_path: Path, gpus: str) -> None:
    (call,) = make("docker-train", f"DATA={tmp_path}", f"GPUS={gpus}").calls
    assert after(call, "--gpus") == [gpus]


def test_on_a_cpu_no_gpus_are_asked_for(make: Callable, tmp_path: Path) -> None:
    (call,) = make("docker-train", f"DATA={tmp_path}", "TARGET=cpu").calls
    assert "--gpus" not in call
    assert "mgca:cpu" in call


def test_every_setting_can_be_given(make: Callable, tmp_path: Path) -> None:
    settings = ("SHM=1g", "STOP=300", "CACHE=/scratch/cache", "DOCKER_ARGS=--network host --env NODE_RANK")
    (call,) = make("docker-train", f"DATA={tmp_path}", *settings).calls
    assert after(call, "--shm-size") + after(call, "--stop-timeout") == ["1g", "300"]
    assert after(call, "--volume") == ["/scratch/cache:/cache"]
    assert after(call, "--network") == ["host"]
    assert after(call, "--env")[-1] == "NODE_RANK"


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_missing_data_folder_is_named(make: Callable, tmp_path: Path, dry: tuple[str, ...]) -> None:
    made = make(*dry, "docker-train", "DATA=/not/there")
    assert made.calls == []
    if not dry:
        assert made.code != 0
        assert made.out.startswith("DATA=/not/there is not a folder; name the one that holds raw/ and store/")
    assert not (tmp_path / "outputs").exists()


def test_the_printed_command_is_the_one_that_is_run(make: Callable, tmp_path: Path) -> None:
    printed = make("--dry-run", "docker-train", f"DATA={tmp_path}", "TARGET=cpu", 'ARGS=trainer.devices=2 "name=a b"')
    words = shlex.split(printed.out.replace("\\\n", " "))
    assert words[-4:] == ["mgca:cpu", "+experiment=mgca_vit", "trainer.devices=2", "name=a b"]
    assert not (tmp_path / "outputs").exists()


def test_the_tests_run_without_a_network_on_data_they_cannot_change(make: Callable, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    build, run = make("docker-test", "SHARED=real", "ARGS=tests/core -x").calls
    assert build == ["build", "--file", "docker/Dockerfile", "--target", "test", "--tag", "mgca:test", "."]
    assert after(run, "--network") == ["none"]
    assert after(run, "--mount") == [f"type=bind,source={tmp_path}/real,target=/shared,readonly"]
    assert "--gpus" not in run
    assert after(run, "--user") == [f"{os.getuid()}:{os.getgid()}"]
    assert run[-3:] == ["mgca:test", "tests/core", "-x"]


def test_without_real_data_the_tests_mount_nothing(make: Callable) -> None:
    _, run = make("docker-test", "SHARED=/not/there").calls
    assert "--mount" not in run
    assert run[-1] == "mgca:test"
