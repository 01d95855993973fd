"""Writes the shards of a store: files of images with all that is said of them.

Axes: N rows.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.core.errors import UserError
from src.core.files import replacing
from src.data.catalogue import Catalogue
from src.data.store.recipe import Recipe
from src.data.store.schema import ROWS_PER_BATCH, rows_per_shard, schema
from src.data.store.workers import Batch, pack_in_order

if TYPE_CHECKING:
    import pyarrow as pa


def shard_rows(rows: int) -> dict[str, range]:
    """The name of each shard and the rows in it."""
    step = rows_per_shard(rows)
    return {
        f"images-{number:05d}.arrow": range(first, min(first + step, rows))
        for number, first in enumerate(range(0, rows, step))
    }


def keep_finished(draft: Path, plan: str) -> None:
    """Remove from ``draft`` what is not a finished shard of ``plan``, or has a problem that may be mended by now."""
    draft.mkdir(parents=True, exist_ok=True)
    for path in draft.iterdir():
        if not path.name.startswith("images-") or _plan_of(path) != plan or any(problems(path)):
            path.unlink()


def problems(shard: Path) -> Iterator[tuple[int, str, str]]:
    """Row in the owner's table, name of the file and reason of each image in ``shard`` that could not be packed."""
    import pyarrow as pa

    with pa.memory_map(str(shard)) as mapped, pa.ipc.open_file(mapped) as reader:
        for number in range(reader.num_record_batches):
            yield from _problems_of(reader.get_batch(number))


def write_shards(
    draft: Path, plan: str, catalogue: Catalogue, recipe: Recipe, *, num_workers: int, limit: float, title: str
) -> None:
    """Pack the rows whose shard is not in ``draft`` yet, with a progress bar.

    Raises ``UserError`` where more images than the share ``limit`` cannot be used.
    """
    from tqdm import tqdm

    total = len(catalogue.entries)
    to_do = {name: rows for name, rows in shard_rows(total).items() if not (draft / name).exists()}
    tally = _Tally(limit, total)
    wanted = (batch for rows in to_do.values() for batch in batches_of(catalogue, recipe, rows))
    batches = pack_in_order(wanted, num_workers=num_workers)
    kept = total - sum(len(rows) for rows in to_do.values())
    with tqdm(desc=title, total=total, initial=kept, unit="image", disable=None) as bar:
        for name, rows in to_do.items():
            own = islice(batches, len(rows[::ROWS_PER_BATCH]))
            write_shard(draft / name, plan, _counted(own, tally, bar), len(catalogue.finding_names))


class _Tally:
    """Counts images that cannot be used, and stops the run once they are too many."""

    def __init__(self, limit: float, total: int) -> None:
        self.limit = limit
        self.total = total
        self.found: list[tuple[int, str, str]] = []

    def add(self, batch: "pa.RecordBatch") -> None:
        self.found += _problems_of(batch)
        if len(self.found) > self.limit * self.total:
            row, file, reason = self.found[0]
            # a file may be named after its patient
            reason = reason.removeprefix(file).strip()
            raise UserError(
                f"{len(self.found)} of {self.total} images cannot be used, more than task.max_unreadable={self.limit} "
                f"admits; the first, of row {row}, {reason}. Mend them, or admit more, and give the same command again"
            )


def _problems_of(batch: "pa.RecordBatch") -> list[tuple[int, str, str]]:
    columns = [batch.column(name).to_pylist() for name in ("row", "source", "problem")]
    return [(row, Path(source).name, problem) for row, source, problem in zip(*columns, strict=True) if problem]


def batches_of(catalogue: Catalogue, recipe: Recipe, rows: range) -> Iterator[Batch]:
    """The rows of one shard in the batches that it is made of."""
    for first in rows[::ROWS_PER_BATCH]:
        chosen = slice(first, min(first + ROWS_PER_BATCH, rows.stop))
        yield Batch(
            catalogue.entries[chosen], catalogue.label_NF[chosen], catalogue.root, catalogue.report_root, recipe
        )


def _counted(batches: Iterable["pa.RecordBatch"], tally: _Tally, bar: Any) -> Iterator["pa.RecordBatch"]:
    for batch in batches:
        tally.add(batch)
        bar.update(len(batch))
        yield batch


def write_shard(path: Path, plan: str, batches: Iterable["pa.RecordBatch"], findings: int) -> None:
    """Write ``batches`` to ``path``, whole and on the disk or not at all."""
    import pyarrow as pa

    with replacing(path) as draft, draft.open("wb") as file:
        with pa.ipc.new_file(file, schema(findings).with_metadata({"plan": plan})) as writer:
            for batch in batches:
                writer.write_batch(batch)
        file.flush()
        os.fsync(file.fileno())


def _plan_of(shard: Path) -> str:
    import pyarrow as pa

    with pa.memory_map(str(shard)) as mapped, pa.ipc.open_file(mapped) as reader:
        return str((reader.schema.metadata or {}).get(b"plan", b"").decode())
