"""Packs a data set in its owner's layout into a store, once."""

import os
import time

from pydantic import NonNegativeInt

from src.core.errors import UserError
from src.data.packed import PackedDataSet
from src.data.store.finish import damaged_files
from src.data.store.manifest import Manifest, read_manifest
from src.data.store.packing import pack_store


def prepare(*, num_workers: NonNegativeInt | None, max_unreadable: float, overwrite: bool, dataset: object) -> None:
    """Pack ``dataset`` and say what came of it; a store that is as asked for already is left as it is.

    ``num_workers``: processes; None takes one for each core, 0 packs in this process. ``max_unreadable``: a larger
    share of images that cannot be used stops the run. ``overwrite``: a store made with other settings, or of other
    data, gives way once the new one is whole; a damaged one does in any case.
    Raises UserError for a data set that needs no packing, and for whatever the reader and the packing refuse.
    """
    if not 0 <= max_unreadable <= 1:
        raise UserError(f"task.max_unreadable is {max_unreadable}; give the share of images, 0 to 1")
    packed = getattr(dataset, "packed", None)
    if not isinstance(packed, PackedDataSet):
        raise UserError("this data set is read as it is and needs no task=prepare; choose another with dataset=NAME")
    job = packed.job(packed.reader.read())
    plan = job.plan()
    if packed.is_packed and not overwrite and _is_as_asked_for(packed, plan):
        print(f"{packed.folder} is packed already, with these settings and of these tables: nothing to do.")
        return
    workers = len(os.sched_getaffinity(0)) if num_workers is None else num_workers
    begin = time.perf_counter()
    manifest = pack_store(job, num_workers=workers, max_unreadable=max_unreadable)
    _say(manifest, packed, time.perf_counter() - begin)


def _is_as_asked_for(packed: PackedDataSet, plan: str) -> bool:
    """Whether the store is whole; UserError where it is a good one of something else."""
    manifest = read_manifest(packed.folder, remake=packed.remake_with([]))
    settings = packed.differences(manifest)
    different = [str(one) for one in settings]
    if not different and manifest.plan != plan:
        different = ["the data set's tables or files have changed since"]
    if different:
        raise UserError(
            f"the store {packed.folder} was made with other settings: {'; '.join(different)}. Keep it with "
            f"paths.store=OTHER_DIR, or remake it with: {packed.remake_with(settings)}"
        )
    damaged = damaged_files(packed.folder, manifest)
    if damaged:
        print(f"{', '.join(damaged)} of {packed.folder} is damaged: the store is packed again")
    return not damaged


def _say(manifest: Manifest, dataset: PackedDataSet, seconds: float) -> None:
    size = sum(path.stat().st_size for path in dataset.folder.iterdir())
    print(f"{manifest.title}: {manifest.version}")
    for note in manifest.notes:
        print(f"  {note}")
    print(
        f"{manifest.packed} of {manifest.rows} images packed into {dataset.folder} "
        f"({size / 2**20:.1f} MiB) in {seconds:.1f} s"
    )
    left_out = manifest.rows - manifest.packed
    if left_out:
        print(f"{left_out} could not be used: {dataset.folder / 'quarantine.csv'} says which and why")
    print(f"Look at it: {dataset.command('doctor')}")
