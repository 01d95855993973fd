"""``python -m src.run`` in a process of its own, which can be killed; forked, so that it loads nothing anew."""

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[BaseProcess]:
    """The command with ``folder`` as its run's; what it prints goes to files beside it."""
    words = [*arguments, f"hydra.run.dir={folder}"]
    process = multiprocessing.get_context("fork").Process(target=_run, args=(words, str(folder)))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def ended(process: BaseProcess, folder: Path, within_s: float = 300) -> Ended:
    process.join(within_s)
    assert process.exitcode is not None, f"it goes on after {within_s} seconds"
    out, err = (Path(f"{folder}.{name}").read_text() for name in ("out", "err"))
    return Ended(process.exitcode, out, err)


def run(folder: Path, *arguments: str) -> Ended:
    with started(folder, *arguments) as process:
        return ended(process, folder)


def wait_for_change(path: Path, process: BaseProcess, since: int = 0) -> None:
    """Until ``path`` is newer than ``since``."""
    deadline = time.monotonic() + 240
    while not (path.is_file() and path.stat().st_mtime_ns > since):
        assert process.is_alive()
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.02)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _run(arguments: list[str], printed: str) -> None:
    from hydra.core.global_hydra import GlobalHydra

    from src.run import cli

    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{printed}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    GlobalHydra.instance().clear()
    sys.argv = ["run.py", *arguments]
    sys.orig_argv = [sys.executable, "-m", "src.run", *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "0"
    code = 1
    try:
        cli()
        code = 0
    except SystemExit as stop:
        code = 1 if isinstance(stop.code, str) else stop.code or 0
        sys.stderr.write(stop.code if isinstance(stop.code, str) else "")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
