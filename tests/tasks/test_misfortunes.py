"""What goes wrong around a training, done to real processes: it trains to the end, or it stops with one sentence."""

import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

from src.core.checkpoint_file import is_whole
from src.core.errors import UserError
from src.data.loader import make_loader
from src.engine.say import readable
from tests.tasks.real_processes import ended, run, started, wait_for_change

QUICK = ("task.untrained_baseline=false", "task.pictures=false", "resamples=0", "callbacks.last.every_minutes=60")


def the_one_sentence(process: BaseProcess, folder: Path) -> str:
    code, _, err = ended(process, folder, within_s=60)
    assert code == 1, err
    assert "Traceback" not in err
    assert err.count("Error: ") == 1, err
    return err[err.index("Error: ") :]


def assert_resumable(folder: Path, run_cli: Callable, *arguments: str) -> None:
    """The newest checkpoint is whole, nothing half lies beside it, and one more epoch can be trained from it."""
    checkpoints = folder / "checkpoints"
    last = checkpoints / "last.ckpt"
    assert all(is_whole(path) for path in checkpoints.glob("*.ckpt"))
    assert not [path for path in checkpoints.iterdir() if path.name.startswith(".")]
    epoch = torch.load(last, weights_only=True)["epoch"]
    answer = run_cli(*arguments, *QUICK, f"resume={last}", f"trainer.max_epochs={epoch + 2}")
    assert answer.code == 0, answer.err
    assert f"Resuming from {last}" in answer.out


def test_no_server_of_wandb_from_beginning_to_end(
    tiny: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    folder = tmp_path / "run"
    code, out, err = run(folder, *tiny, *QUICK, "logger=[csv,wandb]", "trainer.max_epochs=1")
    assert code == 0, err
    assert "Traceback" not in err
    assert "linear probe" in out
    for name in ("metrics.csv", "results.json", "checkpoints/last.ckpt"):
        assert (folder / name).is_file()
    (log,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    said = [line for line in (out + err).splitlines() if "W&B" in line and "WARNING" in line]
    assert len(said) == 1
    assert f"kept offline: wandb sync {log.parent} sends it" in said[0]
    until = time.monotonic() + 20
    while b"linear_probe/auroc_mean" not in log.read_bytes():
        # wandb's own process outlives the run by a moment
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_disk_that_fills_up(tiny: Sequence[str], tmp_path: Path, run_cli: Callable) -> None:
    folder = tmp_path / "run"
    with started(folder, *tiny, *QUICK, "trainer.max_epochs=100000", "callbacks.early_stopping=null") as process:
        wait_for_change(folder / "checkpoints" / "previous.ckpt", process)
        # no file can grow beyond this: what a full disk is to a process; what it prints goes to files too, shorter ones
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
        sentence = the_one_sentence(process, folder)
    assert f"{folder / 'checkpoints'}: a checkpoint could not be written (File too large)" in sentence
    assert_resumable(folder, run_cli, *tiny)


@pytest.fixture
def pairs(tiny: Sequence[str], tmp_path: Path) -> list[str]:
    folder = tmp_path / "data" / "images"
    folder.mkdir(parents=True)
    lines = ["image,report,patient"]
    for row in range(1, 41):
        pixel_HW = np.random.default_rng(row).integers(0, 256, (40, 40), dtype=np.uint8)
        Image.fromarray(pixel_HW).save(folder / f"{row}.png")
        lines.append(f"images/{row}.png,The heart is of usual size and the lungs are clear in film {row}.,p{row}")
    (folder.parent / "table.csv").write_text("\n".join(lines) + "\n")
    own = ("dataset=pairs", f"dataset.table={folder.parent / 'table.csv'}", "datamodule.cache=none")
    return [*(word for word in tiny if not word.startswith("dataset.")), *own]


def test_a_folder_of_images_that_vanishes(pairs: Sequence[str], tmp_path: Path, run_cli: Callable) -> None:
    out, images = tmp_path / "run", tmp_path / "data" / "images"
    more = ("datamodule.num_workers=2", "trainer.max_epochs=100000", "callbacks.early_stopping=null")
    with started(out, *pairs, *QUICK, *more) as process:
        wait_for_change(out / "checkpoints" / "previous.ckpt", process)
        shutil.move(images, tmp_path / "elsewhere")
        gone = time.monotonic()
        sentence = the_one_sentence(process, out)
    assert time.monotonic() - gone < 30
    words = sentence.split()
    assert words[:2] == ["Error:", "row"]
    assert f"row {words[2]} {words[2].removesuffix(':')}.png is missing, and its folder too" in sentence
    shutil.move(tmp_path / "elsewhere", images)
    assert_resumable(out, run_cli, *pairs)


class Failing(Dataset[int]):
    """Its one sample sends a signal to the process that reads it, or is refused."""

    def __init__(self, number: int | None) -> None:
        self.number = number

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        if self.number is None:
            raise UserError("shard-7 is gone: bring it back")
        os.kill(os.getpid(), self.number)
        return index


def read(number: int | None) -> list[list[int]]:
    return list(make_loader(Failing(number), collate=list, batch_size=1, num_workers=1, seed=0))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGBUS])
def test_a_worker_that_is_killed_is_one_message(number: int) -> None:
    with pytest.raises(RuntimeError) as lost:
        read(number)
    message = readable(lost.value)
    assert message is not None
    assert message.startswith("Error: a process that reads the data ")
    assert "datamodule.num_workers" in message


def test_what_a_worker_refuses_is_its_sentence() -> None:
    with pytest.raises(UserError) as refused:
        read(None)
    assert str(refused.value) == "shard-7 is gone: bring it back"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_worker_leaves_a_schedulers_signal_to_its_parent(number: int) -> None:
    assert read(number) == [[0]]
