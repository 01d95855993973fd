"""What the loader benchmark reads: full-size radiographs in files, and a store of as many rows as MIMIC-CXR has.

Axes: H and W pixels.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from src.data.catalogue import Catalogue, Entry
from src.data.packed_table import PackedTable
from src.data.phantom.source import PhantomSource
from src.data.reader import Reader
from src.data.store.finish import write_index
from src.data.store.manifest import INDEX, write_manifest
from src.data.store.packing import Job, make_manifest
from src.data.store.recipe import Recipe
from src.data.store.shards import batches_of, shard_rows, write_shard
from src.data.store.store import Store
from src.data.store.workers import pack_in_order

_REPORT = "FINDINGS: The lungs are clear. There is no pleural effusion or pneumothorax. IMPRESSION: No acute process."
_FINDINGS = 14
_QUALITY = 95
_GRAIN = 3.0


def write_radiographs(folder: Path, count: int, height: int, width: int) -> list[Path]:
    """``count`` JPEGs of phantom radiographs with the grain of a real film, so that they are as large as real ones."""
    import cv2

    table = PhantomSource(seed=0, size=512, train=count, val=0, test=0, prevalence=0.2).table("train")
    folder.mkdir(parents=True)
    grain_HW = np.random.default_rng(0).normal(0, _GRAIN, (height, width)).astype(np.float32)
    paths = [folder / f"{number:04d}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        large_HW = cv2.resize(table.image(number), (width, height), interpolation=cv2.INTER_CUBIC)
        film_HW = (large_HW + np.roll(grain_HW, 97 * number, axis=1)).clip(0, 255).astype(np.uint8)
        cv2.imwrite(str(path), film_HW, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return paths


def write_small_radiographs(folder: Path, count: int, size: int) -> list[Path]:
    """``count`` PNGs of phantom radiographs of ``size`` pixels."""
    import cv2

    table = PhantomSource(seed=1, size=size, train=count, val=0, test=0, prevalence=0.2).table("train")
    folder.mkdir(parents=True)
    paths = [folder / f"{number:04d}.png" for number in range(count)]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), table.image(number))
    return paths


def job_of(paths: list[Path], rows: int, folder: Path, recipe: Recipe) -> Job:
    """The packing of ``rows`` images, which take the files ``paths`` in turn."""
    entries = [
        Entry(file=paths[row % len(paths)].name, image_id=f"{row}", patient=f"p{row // 2}", row=row + 1, report=_REPORT)
        for row in range(rows)
    ]
    catalogue = Catalogue(
        root=paths[0].parent,
        finding_names=tuple(f"finding {number}" for number in range(_FINDINGS)),
        entries=entries,
        label_NF=np.zeros((rows, _FINDINGS), dtype=np.float32),
        version="made",
    )
    return Job(folder=folder, name=folder.name, title="made radiographs", catalogue=catalogue, recipe=recipe, reader={})


def write_large_store(folder: Path, paths: list[Path], rows: int, recipe: Recipe) -> Store:
    """A store of ``rows`` rows with the files and the index of a packed one, on little disk.

    Its shards are further names of the first one's file. What opening and mapping cost depends on the number of rows
    and files, which are true; images come from the page cache, as on a machine that holds the store in memory.
    """
    folder.mkdir(parents=True)
    names = shard_rows(rows)
    sizes = sorted({len(members) for members in names.values()}, reverse=True)
    for size in sizes:
        job = job_of(paths, size, folder, recipe)
        first, *others = [folder / name for name, members in names.items() if len(members) == size]
        batches = pack_in_order(batches_of(job.catalogue, recipe, range(size)), num_workers=0)
        write_shard(first, "made", batches, _FINDINGS)
        for other in others:
            os.link(first, other)
    write_index(folder)
    job = job_of(paths, rows, folder, recipe)
    write_manifest(folder, make_manifest(job, "made", quarantined=0, files=dict.fromkeys([INDEX, *names], "")))
    return Store(folder, remake="")


def whole_table(store: Store) -> PackedTable:
    """Every row of a store."""
    position_N = np.arange(len(store))
    return PackedTable(
        store=store,
        position_N=position_N,
        label_NF=store.label_NF[position_N],
        finding_names=store.manifest.finding_names,
        reports="own",
        masks="own",
        given_subset=lambda _: None,
        read_sections=Reader.sections,
    )


class DecodingTable:
    """The published loader's way: every image decoded and shrunk whenever it is asked for."""

    def __init__(self, paths: Sequence[Path], read: Callable[[Path], np.ndarray]) -> None:
        self.label_NF = np.zeros((len(paths), 1), dtype=np.float32)
        self._paths = paths
        self._read = read

    def __len__(self) -> int:
        return len(self._paths)

    def image(self, index: int) -> np.ndarray:
        return self._read(self._paths[index])

    def report(self, index: int) -> str:  # noqa: ARG002
        return ""

    def row(self, index: int) -> int:
        return index

    def file(self, index: int) -> str:
        return str(self._paths[index])
