"""The processes of one training on this machine: started together, told together, ended together.

The process that was started by hand, by a sweep or by a queue loads no model: it starts this command once for each
device, hands signals on, and says in one line why it all ended, if it did not end well.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf

from src.core.checkpoint_file import LAST
from src.core.errors import UserError
from src.core.finished import FAILED, read_failure, write_failure
from src.core.interrupted import (
    BY_HAND,
    GO_ON,
    Interrupted,
    give_back_signals,
    leave,
    stop_signals,
    take_signals,
)
from src.engine.devices import meeting_point
from src.engine.resume_command import RESUME_WORDS, hydra_quoted, resume_command, resume_words

_log = logging.getLogger(__name__)

LOST_PEER = 76
"""Exit code of a process that ended because another one had ended before it."""

_PARENT = "MGCA_PARENT"
_GRACE_S = 10.0
_OF_THE_SWEEP = ("hydra.mode=", "hydra.sweep", "hydra.run.", "hydra.launcher", "hydra/launcher", "hydra/sweeper")


def is_one_of_several() -> bool:
    """Whether this process was started by ``run_processes``."""
    return _PARENT in os.environ


def run_processes(
    count: int, num_nodes: int, settings: HydraConf, *, number: int | None, resume_from: Path | None
) -> None:
    """Run this command in ``count`` processes, all of this run's folder, until they have ended.

    ``number``: of the job, in a sweep. ``resume_from``: the checkpoint that all of them go on from.
    Raises UserError with the reason where one fails; the others are then ended within seconds. Raises Interrupted
    where they were told to stop and can go on later.
    """
    folder = Path(settings.runtime.output_dir)
    (folder / FAILED).unlink(missing_ok=True)
    meeting = meeting_point(num_nodes)
    first = int(meeting["NODE_RANK"]) * count
    command = _command(settings, folder, number, resume_from)
    # each process would start as many threads as the machine has cores, and advise against a setting of trainer=ddp
    words = json.dumps(resume_words(folder / "checkpoints" / LAST))
    quiet = {"OMP_NUM_THREADS": str(max((os.cpu_count() or 1) // count, 1)), "TORCH_CPP_LOG_LEVEL": "ERROR"}
    reading, writing = os.pipe()
    processes: list[subprocess.Popen] = []
    with _handing_on(processes) as came:
        for place in range(count):
            ranks = {"LOCAL_RANK": str(place), "RANK": str(first + place), _PARENT: str(reading)}
            environment = {**quiet, **os.environ, **meeting, **ranks, RESUME_WORDS: words}
            with _ignored(signal.SIGINT):
                processes.append(subprocess.Popen(command, env=environment, pass_fds=[reading]))
        for process in processes if came else ():
            process.send_signal(_handed_on(came[-1]))
        try:
            codes = _wait(processes)
        finally:
            _end(processes)
            os.close(reading)
            os.close(writing)
    # a signal that comes before a process is ready for it kills it, and nothing is lost
    sent = [_handed_on(number) for number in came]
    if any(-code in sent for code in codes):
        _log.warning("told to stop before the training began; the same command starts it again.")
    codes = [GO_ON if -code in sent else code for code in codes]
    if GO_ON in codes and all(code in (0, GO_ON) for code in codes):
        # in a job of submitit its own handler, which is in place again, queues the job anew
        leave(came[-1] if came else None, {n: signal.getsignal(n) for n in came})
    if any(codes):
        raise UserError(_reason(codes, first, folder))


def run_as_one_of_several(folder: Path, run: Any, readable: Any) -> None:
    """Call ``run`` in a process that ``run_processes`` started: failures are left for it to say, once."""
    from src.core.distributed import lost_peer

    threading.Thread(target=_end_with_parent, args=(int(os.environ[_PARENT]),), daemon=True).start()
    try:
        run()
    except Interrupted as stop:
        _leave(int(stop.code or 0))
    except Exception as error:
        if lost_peer(error):
            # it may be the network's own trouble, of which no other process has a message
            said = next(iter(str(error).splitlines()), type(error).__name__)
            _log.warning("process %s lost the others: %s", os.environ["RANK"], said)
            _leave(LOST_PEER)
        reason = readable(error)
        if reason is None:
            raise
        write_failure(folder, reason.removeprefix("Error: "))
        _leave(1)


def _leave(code: int) -> None:
    """End at once: whoever waits for the other processes on the way out would wait for ever."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _end_with_parent(parent: int) -> None:
    """Nobody writes to this pipe: it can be read when the parent has ended, however it ended."""
    os.read(parent, 1)
    os._exit(LOST_PEER)


def _command(settings: HydraConf, folder: Path, number: int | None, resume_from: Path | None) -> list[str]:
    hydra = [word for word in settings.overrides.hydra if not word.startswith(_OF_THE_SWEEP)]
    own = ["hydra.mode=RUN", "hydra.output_subdir=null", f"hydra.run.dir={hydra_quoted(folder)}"]
    if number is not None:
        own.append(f"hydra.job.num={number}")
    own.append(f"resume={'false' if resume_from is None else hydra_quoted(resume_from)}")
    places = [source for source in settings.runtime.config_sources if source.provider == "command-line"]
    where = [word for source in places for word in ("--config-dir", source.path)]
    name = ["--config-name", str(settings.job.config_name)]
    return [sys.executable, "-m", "src.run", *name, *where, *settings.overrides.task, *hydra, *own]


def _handed_on(number: int) -> int:
    """The signal that stops the processes, which ignore SIGINT: a terminal sends that to them too."""
    return stop_signals()[0] if number == signal.SIGINT else number


@contextmanager
def _ignored(number: int) -> Iterator[None]:
    """Have processes that are started in the block ignore signal ``number``, where signals can be set at all."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def _handing_on(processes: Sequence[subprocess.Popen]) -> Iterator[list[int]]:
    """Hand stop signals on to ``processes``; those that came. A second Ctrl-C ends them at once."""
    came: list[int] = []

    def hand_on(number: int, frame: Any) -> None:
        del frame
        if number == signal.SIGINT and number in came:
            raise Interrupted(BY_HAND)
        if number == signal.SIGINT:
            os.write(2, b"\nStopping after this step; Ctrl-C again stops at once.\n")
        came.append(number)
        for process in processes:
            process.send_signal(_handed_on(number))

    before = take_signals(hand_on)
    try:
        yield came
    finally:
        give_back_signals(before)


def _wait(processes: Sequence[subprocess.Popen]) -> list[int]:
    """The exit codes, when all have ended or one has failed and the others have had their time to say so."""
    failed_at: float | None = None
    while True:
        codes = [process.poll() for process in processes]
        if None not in codes:
            return [code for code in codes if code is not None]
        if failed_at is None and any(code not in (None, 0, GO_ON) for code in codes):
            failed_at = time.monotonic()
        if failed_at is not None and time.monotonic() - failed_at > _GRACE_S:
            return [LOST_PEER if code is None else code for code in codes]
        time.sleep(0.1)


def _end(processes: Sequence[subprocess.Popen]) -> None:
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def _reason(codes: Sequence[int], first: int, folder: Path) -> str:
    reason = read_failure(folder)
    if reason is not None:
        (folder / FAILED).unlink(missing_ok=True)
        return reason
    own = [(place, code) for place, code in enumerate(codes) if code not in (0, GO_ON, LOST_PEER)]
    last = folder / "checkpoints" / LAST
    rest = "; the others were stopped."
    rest += f" To go on from its last checkpoint:\n{resume_command(last)}" if last.is_file() else ""
    if not own:
        return (
            "a process of this training on another machine ended, whose own message says why, or they cannot reach one "
            f"another, as the warnings above would say{rest}"
        )
    place, code = own[0]
    if code < 0:
        name = signal.Signals(-code).name
        hint = ", as the system does where memory runs out" if -code == signal.SIGKILL else ""
        return f"process {first + place} of this training was killed by {name}{hint}{rest}"
    return f"process {first + place} of this training ended with code {code}, its message is above{rest}"
