"""``task=prepare`` through the entrypoint, and in real processes that are killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.data.store.made import contents, picture
from tests.trees import rsna

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rsna")
    rsna.make(root)
    return root


@pytest.fixture
def prepare(run_cli: Callable, tree: Path, tmp_path: Path) -> Callable:
    def run(*overrides: str):
        return run_cli(
            "task=prepare",
            "dataset=rsna",
            f"paths.raw={tree}",
            f"paths.store={tmp_path / 'store'}",
            *(overrides if any("num_workers" in word for word in overrides) else ("task.num_workers=0", *overrides)),
        )

    return run


def test_it_packs_once_and_says_so(prepare: Callable, tmp_path: Path) -> None:
    answer = prepare()
    assert answer.code == 0, answer.err
    assert f"32 of 32 images packed into {tmp_path / 'store/rsna'}" in answer.out
    before = contents(tmp_path / "store/rsna")
    again = prepare()
    assert again.code == 0
    assert "nothing to do" in again.out
    assert contents(tmp_path / "store/rsna") == before


def test_a_store_of_other_settings_is_refused_with_the_command_and_remade_by_it(
    prepare: Callable, run_cli: Callable, tmp_path: Path
) -> None:
    assert prepare().code == 0
    answer = prepare("store.size=128")
    assert answer.code == 1
    assert "store.size is 256 in the store and 128 here" in answer.err
    command = answer.err.partition("remake it with: python -m src.run ")[2].split()
    assert {"task=prepare", "dataset=rsna", "store.size=128", "task.overwrite=true"} <= set(command)
    assert run_cli(*command, "task.num_workers=0").code == 0
    assert prepare("store.size=128").out.count("nothing to do") == 1
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == [".rsna.lock", "rsna"]


def test_training_refuses_a_missing_store_and_one_of_other_settings(
    prepare: Callable, run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    train = [word for word in tiny if not word.startswith("dataset.")]
    train += ["dataset=rsna", f"paths.store={tmp_path / 'store'}"]
    answer = run_cli(*train)
    assert answer.code == 1
    assert answer.err.count("Error: ") == 1
    assert "is not packed yet" in answer.err
    assert "make it with: python -m src.run task=prepare dataset=rsna paths.store=" in answer.err
    assert prepare().code == 0
    answer = run_cli(*train, "dataset.dicom_scale=window")
    assert "dataset.dicom_scale is maximum in the store and window here" in answer.err
    answer = run_cli(*train, "transform.size=512", "transform.crop=32")
    assert "the transform wants images of 512 pixels" in answer.err
    assert "store.size=512" in answer.err


@pytest.mark.parametrize("name", ["images-00000.arrow", "index.arrow"])
@pytest.mark.parametrize("spoil", ["gone", "garbage"])
def test_a_damaged_store_is_packed_again_by_the_same_command(
    prepare: Callable, tmp_path: Path, name: str, spoil: str
) -> None:
    assert prepare().code == 0
    before = contents(tmp_path / "store/rsna")
    if spoil == "gone":
        (tmp_path / "store/rsna" / name).unlink()
    else:
        (tmp_path / "store/rsna" / name).write_bytes(b"garbage")
    answer = prepare()
    assert answer.code == 0
    assert f"{name} of {tmp_path / 'store/rsna'} is damaged: the store is packed again" in answer.out
    assert contents(tmp_path / "store/rsna") == before


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.num_workers=-1", "task.num_workers=-1 is not valid: it must be greater than or equal to 0"),
        ("task.max_unreadable=5", "task.max_unreadable is 5; give the share of images, 0 to 1"),
        ("store.size=0", "store.size is 0; the smallest side admitted is 16"),
        ("store.size=abc", "store.size=abc is not valid"),
        ("dataset.split.val=2", "dataset.split.val=2 is not valid: it must be less than 1"),
    ],
)
def test_a_number_that_cannot_be(prepare: Callable, override: str, message: str, tmp_path: Path) -> None:
    answer = prepare(override)
    assert answer.code == 1
    assert answer.err.count("Error: ") == 1
    assert message in answer.err
    assert "dataset.store" not in answer.err
    assert not (tmp_path / "store/rsna").exists()


def test_what_needs_no_packing(run_cli: Callable) -> None:
    answer = run_cli("task=prepare", "dataset=phantom")
    assert answer.code == 1
    assert "needs no task=prepare" in answer.err


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 320 images that take a few milliseconds each: one file under many names."""
    folder = tmp_path_factory.mktemp("many")
    cv2.imwrite(str(folder / "first.jpg"), picture(0, 600, 500))
    for number in range(320):
        os.link(folder / "first.jpg", folder / f"{number}.jpg")
    rows = [(f"{number}.jpg", f"There is nothing in image {number}.", f"p{number}") for number in range(320)]
    pd.DataFrame(rows, columns=["image", "report", "patient"]).to_csv(folder / "table.csv", index=False)
    return folder


def _command(many: Path, store: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "src.run",
        "task=prepare",
        "dataset=pairs",
        f"dataset.table={many / 'table.csv'}",
        f"paths.store={store}",
        f"paths.output={store.parent / 'outputs'}",
        "task.num_workers=2",
    ]


def test_killed_and_started_again_it_leaves_the_same_bytes(many: Path, tmp_path: Path) -> None:
    subprocess.run(_command(many, tmp_path / "whole"), cwd=ROOT, check=True, capture_output=True)
    running = subprocess.Popen(_command(many, tmp_path / "killed"), cwd=ROOT, stderr=subprocess.DEVNULL)
    partial = tmp_path / "killed/.pairs.partial"
    while not (partial / "images-00000.arrow").exists():
        assert running.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (tmp_path / "killed/pairs").exists()
    begun = (partial / "images-00000.arrow").stat().st_mtime_ns
    done = subprocess.run(_command(many, tmp_path / "killed"), cwd=ROOT, check=True, capture_output=True, text=True)
    assert "320 of 320 images packed" in done.stdout
    assert (tmp_path / "killed/pairs/images-00000.arrow").stat().st_mtime_ns == begun
    assert contents(tmp_path / "killed/pairs") == contents(tmp_path / "whole/pairs")


def _has_written(partial: Path) -> bool:
    try:
        return any(shard.stat().st_size > 100_000 for shard in partial.glob("*images-*"))
    except FileNotFoundError:
        # between the look and the question the draft took its name: it is whole
        return True


def _start(many: Path, store: Path) -> subprocess.Popen[str]:
    """A packing whose first images are written."""
    running = subprocess.Popen(
        _command(many, store),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # whoever runs the tests may ignore Ctrl-C, and its children with it
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),
    )
    while not _has_written(store / ".pairs.partial"):
        assert running.poll() is None, "it ended before it could be stopped"
        time.sleep(0.005)
    return running


def _children(process: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the children of a process are read from /proc")
def test_a_worker_that_is_killed_ends_the_run_with_a_reason(many: Path, tmp_path: Path) -> None:
    running = _start(many, tmp_path / "store")
    workers = [child for child in _children(running.pid) if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]
    os.kill(workers[0], signal.SIGKILL)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "a worker process died, as it does when memory runs out" in said
    assert "task.num_workers=1" in said
    assert "Traceback" not in said


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the children of a process are read from /proc")
def test_no_worker_outlives_a_parent_that_is_killed(many: Path, tmp_path: Path) -> None:
    running = _start(many, tmp_path / "store")
    children = _children(running.pid)
    running.kill()
    running.wait()
    until = time.monotonic() + 30
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < until, "a worker goes on without its parent"
        time.sleep(0.05)


def test_ctrl_c_is_one_sentence(many: Path, tmp_path: Path) -> None:
    running = _start(many, tmp_path / "store")
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Stopped by Ctrl-C; " in said
    assert "give the same command again to go on" in said
    assert "Traceback" not in said


def test_one_of_two_at_once_is_refused(many: Path, tmp_path: Path) -> None:
    first = subprocess.Popen(_command(many, tmp_path / "store"), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    while not (tmp_path / "store/.pairs.partial").exists():
        assert first.poll() is None
        time.sleep(0.005)
    second = subprocess.run(_command(many, tmp_path / "store"), cwd=ROOT, capture_output=True, text=True)
    assert first.wait() == 0
    assert second.returncode == 1 or "nothing to do" in second.stdout
    if second.returncode:
        # with or without the name of the process, which the first writes a moment after it has begun
        assert "is packing" in second.stderr
        assert "Traceback" not in second.stderr


def test_packed_pairs_train_from_their_store(run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path) -> None:
    for number in range(40):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(number))
    rows = [(f"{number}.png", f"There is nothing in image {number}.", f"p{number}") for number in range(40)]
    table = tmp_path / "table.csv"
    pd.DataFrame(rows, columns=["image", "report", "patient"]).to_csv(table, index=False)
    own = ["dataset=pairs", f"dataset.table={table}", f"paths.store={tmp_path / 'store'}"]
    assert run_cli("task=prepare", *own, "task.num_workers=0").code == 0
    for number in range(40):
        (tmp_path / f"{number}.png").unlink()
    train = [word for word in tiny if not word.startswith("dataset.")]
    answer = run_cli(*train, *own, "trainer.max_epochs=1", "task.pictures=false", "datamodule.batch_size=4")
    assert answer.code == 0, answer.err
    pd.DataFrame(rows[::-1], columns=["image", "report", "patient"]).to_csv(table, index=False)
    answer = run_cli(*train, *own)
    assert answer.code == 1
    assert "was packed from another table" in answer.err
    assert np.unique([path.name for path in (tmp_path / "store").iterdir()]).tolist() == [".pairs.lock", "pairs"]
