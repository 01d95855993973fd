"""What of a data set there is to look at: the owner's tables, the store, or the raw images."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.core.errors import UserError
from src.data.catalogue import Catalogue
from src.data.health.check import Check
from src.data.health.columns import Columns, read_columns
from src.data.health.unpacked import UnpackedStore
from src.data.packed import PackedDataSet, images_of
from src.data.packed_table import PackedTable
from src.data.store.finish import damaged_files
from src.data.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Examined:
    """``store``: what the images are read from, None where nothing can be. ``looked_at``: a sentence each."""

    title: str
    version: str
    notes: tuple[str, ...]
    looked_at: tuple[str, ...]
    checks: Sequence[Check]
    store: Store | None


def examine(dataset: PackedDataSet, *, num_workers: int | None, verify_files: bool) -> Examined:
    """Read the owner's tables where they are, and the store; without one as asked for, every raw image once.

    What either refuses is a check that failed. Raises ``UserError`` where there is neither.
    """
    root = Path(dataset.reader.root)
    if not root.is_dir() and not dataset.is_packed:
        raise UserError(
            f"there is neither raw data of {dataset.name} in {root} nor a store in {dataset.folder}; give "
            f"paths.raw=DIR, and get the data at {dataset.reader.where}"
        )
    checks: list[Check] = []
    catalogue, looked_at = None, f"raw data not looked at: no folder {root}"
    if root.is_dir():
        catalogue, check = _read_tables(dataset)
        checks.append(check)
        looked_at = f"raw tables: {root}"
    store, store_checks = _open_store(dataset, catalogue, verify_files=verify_files)
    checks += store_checks
    if store is not None:
        images = f"images: the store {store.folder}"
    elif catalogue is not None:
        workers = len(os.sched_getaffinity(0)) if num_workers is None else num_workers
        store = UnpackedStore(dataset.job(catalogue), num_workers=workers)
        images = f"images: the raw files, {'beside' if dataset.is_packed else 'without'} a store"
    else:
        images = "images: none could be looked at"
    return Examined(
        title=dataset.reader.title,
        version=catalogue.version if catalogue is not None else store.manifest.version if store else "not known",
        notes=catalogue.notes if catalogue is not None else store.manifest.notes if store else (),
        looked_at=(looked_at, images),
        checks=checks,
        store=store,
    )


def columns_of(dataset: PackedDataSet, store: Store) -> tuple[Columns, list[Check]]:
    """The columns of a store and its splits; a rule that cannot split it is a check that failed."""
    names = store.manifest.finding_names
    checks = []
    positions = {}
    try:
        positions = dataset.split_rule.assign(images_of(store))
    except UserError as error:
        checks.append(Check(name="splits by dataset.split", state="problem", number=1, advice=str(error)))
    return read_columns(store.index, names, positions=positions), checks


def drawable(dataset: PackedDataSet, store: Store, position_N: np.ndarray) -> PackedTable:
    """The images at ``position_N`` with their boxes and masks."""
    return PackedTable(
        store=store,
        position_N=position_N,
        label_NF=store.label_NF[position_N],
        finding_names=store.manifest.finding_names,
        reports="own",
        masks=dataset.masks,
        given_subset=lambda _: None,
        read_sections=dataset.reader.sections,
    )


def _read_tables(dataset: PackedDataSet) -> tuple[Catalogue | None, Check]:
    name = "raw tables as they should be"
    try:
        return dataset.reader.read(), Check(name=name, state="ok", number=0)
    except UserError as error:
        return None, Check(name=name, state="problem", number=1, advice=str(error))


def _open_store(
    dataset: PackedDataSet, catalogue: Catalogue | None, *, verify_files: bool
) -> tuple[Store | None, list[Check]]:
    """The store, unless it is damaged, or of other settings while there are raw images to look at."""
    if not dataset.is_packed:
        return None, []
    try:
        store = Store(dataset.folder, remake=dataset.remake_with([]))
        damaged = damaged_files(dataset.folder, store.manifest) if verify_files else []
        if not damaged:
            _ = store.index
    except UserError as error:
        return None, [Check(name="store can be read", state="problem", number=1, advice=str(error))]
    settings = dataset.differences(store.manifest)
    remake = f"remake it with: {dataset.remake_with(settings)}"
    different = [str(one) for one in settings]
    if not different and catalogue is not None and dataset.job(catalogue).plan() != store.manifest.plan:
        different = ["the data set's tables or files have changed since"]
        remake = f"its images are looked at all the same; {remake}"
    checks = [_settled("store made with these settings, of these tables", different, remake)]
    if verify_files:
        checks.insert(0, _settled("store files whole (SHA-256)", [f"{name} is damaged" for name in damaged], remake))
    usable = not damaged and (catalogue is None or not dataset.differences(store.manifest))
    return (store if usable else None), checks


def _settled(name: str, wrong: Sequence[str], remake: str) -> Check:
    if not wrong:
        return Check(name=name, state="ok", number=0)
    return Check(name=name, state="problem", number=len(wrong), advice=f"{'; '.join(wrong[:5])}; {remake}")
