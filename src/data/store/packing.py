"""Packs a catalogue into a store: in parallel, in order, whole or not there, and from where it stopped.

The store's bytes follow from the recipe, the reader's settings and the data set alone: workers pack batches of rows,
and one process writes them in the catalogue's order. Axes: N rows.
"""

import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from src.core.errors import UserError
from src.core.lock import HeldError, only_process
from src.data.catalogue import Catalogue
from src.data.files_there import files_there
from src.data.store.finish import hashes, publish, write_index, write_quarantine
from src.data.store.manifest import Manifest, made_with, write_manifest
from src.data.store.recipe import FORMAT, Recipe
from src.data.store.schema import ROWS_PER_BATCH, rows_per_shard
from src.data.store.shards import keep_finished, write_shards

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be packed into ``folder``, and how: the data set's ``name`` and ``title``, the reader's settings."""

    folder: Path
    name: str
    title: str
    catalogue: Catalogue
    recipe: Recipe
    reader: dict[str, Any]

    @property
    def draft(self) -> Path:
        """Where the store grows until it is whole."""
        return self.folder.with_name(f".{self.folder.name}.partial")

    def plan(self) -> str:
        """A hash of everything that the store depends on, but for the images' own bytes."""
        hashed = hashlib.sha256()
        for part in (FORMAT, asdict(self.recipe), sorted(self.reader.items()), self.catalogue.finding_names):
            hashed.update(repr(part).encode())
        for entry in self.catalogue.entries:
            hashed.update(repr(entry).encode())
        hashed.update(self.catalogue.label_NF.tobytes())
        return hashed.hexdigest()


def pack_store(job: Job, *, num_workers: int, max_unreadable: float) -> Manifest:
    """Pack ``job`` into its folder; a store that lies there stays until the new one is whole.

    What an earlier run of the same job has finished is kept. Raises ``UserError`` where another process packs the same
    store, more images than the share ``max_unreadable`` cannot be used, a worker dies, or the disk is full.
    """
    catalogue, draft, plan = job.catalogue, job.draft, job.plan()
    with _locked(job.folder):
        try:
            keep_finished(draft, plan)
            _refuse_missing(catalogue, max_unreadable)
            write_shards(
                draft,
                plan,
                catalogue,
                job.recipe,
                num_workers=num_workers,
                limit=max_unreadable,
                title=f"packing {job.name}",
            )
            rows = write_index(draft)
            if rows != len(catalogue.entries):
                raise RuntimeError(f"{rows} rows were packed of {len(catalogue.entries)}")
            manifest = make_manifest(job, plan, quarantined=write_quarantine(draft), files=hashes(draft))
            write_manifest(draft, manifest)
            publish(draft, job.folder)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"{_kept(draft)}: give the same command again to go on") from None
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise UserError(
                f"the disk of {job.folder.parent} is full; {_kept(draft)}: free space, or choose another disk with "
                "paths.store=DIR, and give the same command again"
            ) from error
    return manifest


def _kept(draft: Path) -> str:
    return f"{len(list(draft.glob('images-*.arrow')))} shard(s) are finished and kept"


def _refuse_missing(catalogue: Catalogue, limit: float) -> None:
    there = files_there(catalogue.root / entry.file for entry in catalogue.entries)
    missing = [entry for entry, exists in zip(catalogue.entries, there, strict=True) if not exists]
    if len(missing) > limit * len(catalogue.entries):
        raise UserError(
            f"{len(missing)} of {len(catalogue.entries)} images are missing below {catalogue.root}, more than "
            f"task.max_unreadable={limit} admits; the first is that of row {missing[0].row}. Complete the folder, or "
            "admit more"
        )


def make_manifest(job: Job, plan: str, *, quarantined: int, files: dict[str, str]) -> Manifest:
    """What ``store.json`` says of a finished store whose ``files`` have these hashes."""
    rows = len(job.catalogue.entries)
    return Manifest(
        format=FORMAT,
        name=job.name,
        title=job.title,
        version=job.catalogue.version,
        notes=job.catalogue.notes,
        recipe=asdict(job.recipe),
        reader=job.reader,
        finding_names=job.catalogue.finding_names,
        rows=rows,
        packed=rows - quarantined,
        rows_per_shard=rows_per_shard(rows),
        rows_per_batch=ROWS_PER_BATCH,
        plan=plan,
        made_with=made_with(),
        files=files,
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        with only_process(folder.with_name(f".{folder.name}.lock")):
            yield
    except HeldError as held:
        raise UserError(
            f"{held} is packing {folder} at this moment; wait for it, or choose another folder with paths.store=DIR"
        ) from None
