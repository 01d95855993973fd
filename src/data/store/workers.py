"""Packs batches of rows in worker processes, and hands them back in order.

Axes: N rows of a batch, F findings.
"""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

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

    Raises ``UserError`` where a worker dies, which it does when memory runs out.
    """
    if num_workers == 0:
        yield from map(pack_batch, batches)
        return
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(num_workers, mp_context=context, initializer=_start_worker) as pool:
        waiting: deque[Future[pa.RecordBatch]] = deque()
        try:
            for batch in batches:
                waiting.append(pool.submit(pack_batch, batch))
                if len(waiting) > _AHEAD * num_workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise UserError(
                "a worker process died, as it does when memory runs out; what is packed is kept: give the same command "
                f"again with fewer workers, e.g. task.num_workers={max(num_workers // 2, 1)}"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _start_worker() -> None:
    import signal

    import cv2

    cv2.setNumThreads(1)
    # the parent hears Ctrl-C too, and ends the workers in its own order
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # a parent that was killed cannot end its workers, which would wait for ever
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
