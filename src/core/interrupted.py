"""How a run ends that was told to stop and can go on later."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

GO_ON = 75
"""Exit code EX_TEMPFAIL of sysexits.h: nothing failed, the run can be resumed."""
BY_HAND = 130
"""Exit code of a command that Ctrl-C ends: 128 + SIGINT."""


class Interrupted(SystemExit):
    """Ends the process with the exit code ``code``; no ``except Exception`` takes it for a failure."""

    def __init__(self, code: int = GO_ON) -> None:
        super().__init__(code)


def stop_signals() -> tuple[int, ...]:
    """Return the signals after which a run stops and can be resumed: those of schedulers, and SIGINT of Ctrl-C.

    Schedulers send SIGTERM or SIGUSR1; in a job of submitit it is SIGUSR2, after which submitit queues the job again,
    and not SIGTERM, which comes earlier there and is to be ignored.
    """
    if "SUBMITIT_EXECUTOR" in os.environ:
        return (signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT)
    return (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


def name_of(number: int) -> str:
    """Return how a user calls signal ``number``."""
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


def take_signals(handler: Any) -> dict[int, Any]:
    """Give the stop signals to ``handler``; return the earlier handlers by signal. Nothing outside the main thread.

    SIGINT stays ignored where it was: in background jobs of a shell, and in the processes of one training, whose parent
    receives it.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    ignored = {signal.SIGINT} if signal.getsignal(signal.SIGINT) == signal.SIG_IGN else set()
    before = {number: signal.signal(number, handler) for number in stop_signals() if number not in ignored}
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
    raise Interrupted(BY_HAND if number == signal.SIGINT else GO_ON)


@contextmanager
def stopping_at_once(report: Callable[[int], None]) -> Iterator[None]:
    """While the block runs a stop signal ends the run where it is, unless something inside does better.

    ``report``: called with the signal, to tell the user how to go on.
    """

    def stop(number: int, frame: Any) -> None:
        del frame
        report(number)
        leave(number, before)

    before = take_signals(stop)
    try:
        yield
    finally:
        give_back_signals(before)
