"""How a run ends that was told to stop and can go on later."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_log = logging.getLogger(__name__)

GO_ON = 75
"""Exit code EX_TEMPFAIL of sysexits.h: nothing failed, start the same command again."""


class Interrupted(SystemExit):
    """Ends the process with the code ``GO_ON``; no ``except Exception`` takes it for a failure."""

    def __init__(self) -> None:
        super().__init__(GO_ON)


def stop_signals() -> tuple[int, ...]:
    """What schedulers send before they take a machine away.

    SIGTERM and SIGUSR1; in a job of submitit SIGUSR2, after which submitit queues the job again, and not SIGTERM, which
    comes earlier there and is to be ignored.
    """
    if "SUBMITIT_EXECUTOR" in os.environ:
        return (signal.SIGUSR1, signal.SIGUSR2)
    return (signal.SIGTERM, signal.SIGUSR1)


def take_signals(handler: Any) -> dict[int, Any]:
    """Give the stop signals to ``handler``; what had them before, by signal. Nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    before = {number: signal.signal(number, handler) for number in stop_signals()}
    if signal.SIGTERM not in before:
        before[signal.SIGTERM] = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return before


def give_back_signals(before: dict[int, Any]) -> None:
    """Undo ``take_signals``."""
    for number, handler in before.items():
        signal.signal(number, handler)


def leave(number: int | None, before: dict[int, Any]) -> None:
    """End the run after signal ``number``, by what had submitit's signal before: it queues the job again."""
    handler = before.get(signal.SIGUSR2)
    if number == signal.SIGUSR2 and callable(handler):
        handler(number, None)
    raise Interrupted


@contextmanager
def stopping_at_once() -> Iterator[None]:
    """While the block runs a stop signal ends the run where it is, unless something inside does better."""

    def stop(number: int, frame: Any) -> None:
        del frame
        if os.environ.get("RANK", "0") == "0":
            _log.warning("told to stop outside of the training, which lost nothing; the same command goes on.")
        leave(number, before)

    before = take_signals(stop)
    try:
        yield
    finally:
        give_back_signals(before)
