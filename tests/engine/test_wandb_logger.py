"""What becomes of a W&B run when its server, or wandb's own process, is not there. wandb's process is the real one."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb

from src.core.errors import UserError
from src.core.torchvision_ops import ensure_torchvision
from tests.engine.wandb_server import WandbServer

ensure_torchvision()

from src.engine.wandb_logger import finish_wandb, preempt_wandb, wandb_logger  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
Begin = Callable[..., Any]


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with WandbServer() as made:
        yield made
        made.shutdown()


@pytest.fixture
def begin(server: WandbServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Begin]:
    # wandb reads its environment once a process, unless it is torn down
    wandb.teardown()
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")

    def run(*, resume: bool | str = False, **settings: Any) -> Any:
        given = {"project": "p", "name": "n", "group": None, "tags": [], "log_media": False}
        timeouts = {"init_timeout": 60.0, "finish_timeout": 60.0}
        logger = wandb_logger(**{**given, **timeouts, "save_dir": str(tmp_path), "resume": resume, **settings})
        logger.log_hyperparams({"seed": 1})
        return logger

    yield run
    server.silent.clear()
    finish_wandb(failed=True)
    wandb.teardown()


def only_warning(caplog: pytest.LogCaptureFixture) -> str:
    (message,) = [record.getMessage() for record in caplog.records if record.name == "src.engine.wandb_logger"]
    return message


def assert_written(log: Path, what: bytes) -> None:
    """wandb's own process writes when it gets to it, after ``finish`` too."""
    until = time.monotonic() + 20
    while what not in log.read_bytes():
        assert time.monotonic() < until
        time.sleep(0.05)


def kept(folder: Path, kind: str) -> Path:
    (log,) = folder.glob(f"wandb/{kind}-*/run-*.wandb")
    return log


def test_a_resumed_run_goes_on_with_its_id_and_a_new_one_has_its_own(
    begin: Begin, server: WandbServer, tmp_path: Path
) -> None:
    begin()
    preempt_wandb()
    finish_wandb(failed=True)
    (first,) = set(server.runs)
    assert any(b'"preempting":true' in body for body in server.sent)
    # nothing to go on from: the first start was broken off before its first checkpoint
    begin(resume="auto")
    finish_wandb(failed=True)
    assert len(set(server.runs)) == 2
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.parent.mkdir()
    last.touch()
    begin(resume="auto")
    finish_wandb(failed=False)
    assert len(set(server.runs)) == 2
    assert server.runs[-1] != first
    begin(resume=False)
    finish_wandb(failed=False)
    assert len(set(server.runs)) == 3


def test_a_server_that_falls_silent_holds_nothing_up(
    begin: Begin, server: WandbServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logger = begin(finish_timeout=1.0)
    server.silent.set()
    logger.log_metrics({"train/loss": 0.5}, 1)
    finish_wandb(failed=False)
    message = only_warning(caplog)
    log = kept(tmp_path, "run")
    assert f"wandb sync {log.parent}" in message
    assert_written(log, b"train/loss")


@pytest.mark.parametrize("answer", ["nothing", "a refusal"])
def test_a_server_of_no_use_leaves_an_offline_run(
    begin: Begin, server: WandbServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    if answer == "nothing":
        server.silent.set()
    else:
        server.refuses = True
    logger = begin(init_timeout=2.0 if answer == "nothing" else 60.0)
    message = only_warning(caplog)
    log = kept(tmp_path, "offline-run")
    assert ("timed out" if answer == "nothing" else "401") in message
    assert f"kept offline: wandb sync {log.parent} sends it" in message
    logger.log_metrics({"train/loss": 0.5}, 1)
    finish_wandb(failed=False)
    assert_written(log, b"train/loss")
    assert (tmp_path / "wandb" / "run_id.txt").read_text().strip() in log.name


@pytest.mark.parametrize("key", ["too short", ""])
def test_a_key_that_cannot_be_one_is_said_at_the_start(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", key)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"API key.*WANDB_MODE=offline"):
        begin()


def test_without_a_key_nothing_is_asked(begin: Begin, server: WandbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setenv("NETRC", "nowhere")
    assert begin().experiment.offline
    finish_wandb(failed=False)
    assert server.sent == []


@pytest.mark.parametrize("setting", ["init_timeout", "finish_timeout"])
def test_no_time_is_refused(begin: Begin, setting: str) -> None:
    with pytest.raises(UserError, match=rf"logger\.wandb\.{setting} is 0"):
        begin(**{setting: 0})


KILLED = """
import logging, os, pathlib, signal, sys, time
from src.core.torchvision_ops import ensure_torchvision
ensure_torchvision()
from src.engine.wandb_logger import finish_wandb, preempt_wandb, wandb_logger
logging.basicConfig(format="%(message)s")
def begin():
    logger = wandb_logger(project="p", name="n", group=None, tags=[], save_dir=sys.argv[1], log_media=False,
                          resume=False, init_timeout=60, finish_timeout=60)
    logger.log_metrics({"train/loss": 0.5}, 0)
    return logger
logger = begin()
(core,) = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
os.kill(int(core), signal.SIGTERM)
os.waitid(os.P_PID, int(core), os.WEXITED | os.WNOWAIT)
for step in range(3):
    logger.log_metrics({"train/loss": 0.5}, step)
preempt_wandb()
finish_wandb(failed=True)
begin()
finish_wandb(failed=False)
print("done")
"""


def test_a_signal_that_ends_wandb_leaves_the_run_in_peace(tmp_path: Path) -> None:
    environment = {**os.environ, "WANDB_MODE": "offline"}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert done.stderr.count("W&B takes no more of this run") == 1, done.stderr
    assert "Traceback" not in done.stderr
    # the next run of the process has a wandb of its own
    assert len(list(tmp_path.glob("wandb/offline-run-*/run-*.wandb"))) == 2
