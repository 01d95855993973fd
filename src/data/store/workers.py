"""Packs batches of rows in worker processes, and hands them back in order.

Axes: N rows of a batch, F findings.
"""

import multiprocessing
import signal
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from src.core.errors import UserError
from src.data.catalogue import Entry
from src.data.store.pack_image import pack_image
from src.data.store.recipe import Recipe
from src.data.store.schema import schema

if TYPE_CHECKING:
    import pyarrow as pa

_AHEAD = 2


class Batch(NamedTuple):
    """Rows to pack."""

    entries: Sequence[Entry]
    label_NF: np.ndarray
    root: Path
    report_root: Path | None
    recipe: Recipe


def pack_batch(batch: Batch) -> "pa.RecordBatch":
    """The rows of one batch as the store keeps them."""
    import pyarrow as pa

    rows = [
        pack_image(entry, labels, root=batch.root, report_root=batch.report_root, recipe=batch.recipe)
        for entry, labels in zip(batch.entries, batch.label_NF.tolist(), strict=True)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=schema(batch.label_NF.shape[1]))


def pack_in_order(batches: Iterable[Batch], *, num_workers: int) -> "Iterator[pa.RecordBatch]":
    """``pack_batch`` of each, in ``num_workers`` processes; 0 packs in this one.

    Each worker has a pipe of its own and nothing else in common with anyone: one that dies is noticed and hinders
    nobody, and a worker whose parent dies finds its pipe closed and ends.
    Raises ``UserError`` where a worker dies, as it does when memory runs out.
    """
    if num_workers < 0:
        raise UserError(f"task.num_workers is {num_workers}; give 0 or more, or null for one a core")
    if num_workers == 0:
        yield from map(pack_batch, batches)
        return
    workers: dict[BaseProcess, Connection] = {}
    try:
        _start(num_workers, workers)
        yield from _in_order(batches, list(workers.values()))
    except _WorkerDiedError:
        raise UserError(
            "a worker process died, as it does when memory runs out; what is packed is kept: give the same command "
            f"again with fewer workers, e.g. task.num_workers={max(num_workers // 2, 1)}"
        ) from None
    finally:
        for process, pipe in workers.items():
            pipe.close()
            process.kill()
            process.join()


def _in_order(batches: Iterable[Batch], pipes: Sequence[Connection]) -> "Iterator[pa.RecordBatch]":
    """Gives every idle worker the next batch, and yields what comes back in the order in which it was given."""
    numbered = enumerate(batches)
    idle = list(pipes)
    busy: dict[Connection, int] = {}
    done: dict[int, pa.RecordBatch] = {}
    wanted = 0
    while True:
        # not too far ahead of a slow batch: what is done waits in memory
        while idle and len(busy) + len(done) < _AHEAD * len(pipes) and (given := next(numbered, None)):
            pipe = idle.pop()
            with _pipe_to_worker():
                pipe.send(given[1])
            busy[pipe] = given[0]
        if wanted in done:
            yield done.pop(wanted)
            wanted += 1
        elif not busy:
            return
        else:
            for ready in wait(list(busy)):
                pipe = cast(Connection, ready)
                with _pipe_to_worker():
                    packed = pipe.recv()
                if isinstance(packed, _Failure):
                    raise packed.error from RuntimeError(f"in a worker:\n{packed.traceback}")
                done[busy.pop(pipe)] = packed
                idle.append(pipe)


class _Failure(NamedTuple):
    """What was raised in a worker, and where."""

    error: Exception
    traceback: str


class _WorkerDiedError(Exception):
    """The other end of a worker's pipe is closed."""


@contextmanager
def _pipe_to_worker() -> Iterator[None]:
    # around the pipe alone: a file on a network drive may raise the same inside a worker, which is then no death
    try:
        yield
    except (EOFError, ConnectionError):
        raise _WorkerDiedError from None


def _start(count: int, workers: dict[BaseProcess, Connection]) -> None:
    """Adds ``count`` processes to ``workers``, each as soon as there is one that must be ended."""
    context = multiprocessing.get_context("spawn")
    # it would lift the block below when the first worker starts
    resource_tracker.ensure_running()
    # they are born deaf to Ctrl-C, which the terminal tells them too: the parent hears it, and ends them
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            workers[process] = ours
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _work(pipe: Connection) -> None:
    import cv2

    # each worker is one of many: threads of its own would only stand in the others' way
    cv2.setNumThreads(1)
    try:
        while True:
            pipe.send(_packed_or_why_not(pipe.recv()))
    except (EOFError, ConnectionError):
        return


def _packed_or_why_not(batch: Batch) -> "pa.RecordBatch | _Failure":
    try:
        return pack_batch(batch)
    except Exception as error:
        # whatever it is, it is the parent that must hear it, and where it was raised: here it would look like a worker
        # that died
        return _Failure(error, traceback.format_exc())
