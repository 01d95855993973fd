"""How fast images come from a packed store, beside decoding full-size files as the published loader does.

Axes: H and W pixels, B images of a batch.
"""

import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from pydantic import NonNegativeInt, PositiveInt
from torch.utils.data import DataLoader

from src.core.errors import UserError
from src.data.collate import PairCollate
from src.data.memory_cache import one_thread
from src.data.packed_table import PackedTable
from src.data.pair_split import PairSplit
from src.data.resize import place, shrink
from src.data.store.pack_image import decode, encode
from src.data.store.packing import pack_store
from src.data.store.recipe import Codec, Recipe
from src.data.store.store import Store
from src.data.transforms import ImageTransform
from src.tasks.made_stores import (
    DecodingTable,
    job_of,
    whole_table,
    write_large_store,
    write_radiographs,
    write_small_radiographs,
)

_TOKENS = 112
_ACCESSES = 20_000
_WANTED, _CORES = 2000, 16
_CODECS: tuple[Codec, ...] = ("raw", "png", "jpeg")


class LoaderBenchmark:
    """Times one core, one after the other in turn, on made radiographs of ``height`` x ``width`` pixels.

    ``files``: how many of them. ``repeats``: how often each is timed. ``rows``: of the store that is opened and mapped
    by ``num_workers`` processes. ``size``: pixels of the packed images' longer side.
    """

    def __init__(
        self,
        *,
        transform: ImageTransform,
        height: PositiveInt,
        width: PositiveInt,
        files: PositiveInt,
        size: PositiveInt,
        rows: PositiveInt,
        batch_size: PositiveInt,
        num_workers: NonNegativeInt,
        repeats: PositiveInt,
    ) -> None:
        if min(files, rows, batch_size, num_workers, repeats) < 1:
            raise UserError("bench.files, rows, batch_size, num_workers and repeats must each be at least 1")
        self.transform = transform
        self.height = height
        self.width = width
        self.files = files
        self.size = size
        self.rows = rows
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.repeats = repeats

    def __call__(self) -> str:
        """The figures, with the machine and the spread."""
        one_thread(0)
        torch.set_num_threads(1)
        recipe = Recipe(resize="longest", size=self.size, pad=False, codec="raw", dicom_scale="maximum")
        with tempfile.TemporaryDirectory() as folder:
            paths = write_radiographs(Path(folder, "raw"), self.files, self.height, self.width)
            small = write_small_radiographs(Path(folder, "small"), 64, self.size)
            packed = self._packing(paths, Path(folder), recipe)
            loaded = self._loading(paths, Store(Path(folder, "0"), remake=""))
            large, opened = self._opening(Path(folder, "large"), small, recipe)
            return "\n".join(
                [
                    f"{platform.machine()}, one core, {self.files} JPEGs of {self.width} x {self.height} pixels "
                    f"({np.mean([p.stat().st_size for p in paths]) / 2**20:.1f} MiB each), packed at {self.size}, "
                    f"batches of {self.batch_size}, median of {self.repeats} (smallest to largest)",
                    "",
                    *packed,
                    "",
                    *loaded,
                    "",
                    *self._codecs(small),
                    "",
                    *opened,
                    *self._access(large),
                    *self._memory(large),
                ]
            )

    def _packing(self, paths: Sequence[Path], folder: Path, recipe: Recipe) -> list[str]:
        plain_s, pack_s = [], []
        for repeat in range(self.repeats):
            job = job_of(list(paths), len(paths), folder / f"{repeat}", recipe)
            plain_s.append(_seconds(lambda: [self._shrunk(path) for path in paths]) / len(paths))
            pack_s.append(_seconds(lambda: pack_store(job, num_workers=0, max_unreadable=0)) / len(paths))  # noqa: B023
        return [
            _row("decode and resize", [1 / s for s in plain_s], "images/s"),
            _row("task=prepare", [1 / s for s in pack_s], "images/s"),
            _row("prepare over plain", [p / q for p, q in zip(plain_s, pack_s, strict=True)], ""),
        ]

    def _loading(self, paths: Sequence[Path], store: Store) -> list[str]:
        decoding = self._split(DecodingTable(paths, self._shrunk), len(paths))
        stored = self._split(whole_table(store), len(paths))
        pairs = []
        for _ in range(self.repeats):
            slow = _seconds(lambda: self._epoch(decoding, 1)) / len(paths)
            fast = _seconds(lambda: self._epoch(stored, 20)) / (20 * len(paths))
            pairs.append((1 / slow, 1 / fast))
        rate = statistics.median(fast for _, fast in pairs)
        return [
            _row("loader, from files", [slow for slow, _ in pairs], "images/s"),
            _row("loader, from the store", [fast for _, fast in pairs], "images/s"),
            _row("store over files", [fast / slow for slow, fast in pairs], ""),
            f"{_WANTED} images a second need {_WANTED / rate:.1f} such cores of {_CORES}: "
            f"{_CORES} cores give {_CORES * rate:.0f}",
        ]

    def _shrunk(self, path: Path) -> np.ndarray:
        import cv2

        image_HW = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert image_HW is not None
        placement = place(*image_HW.shape[:2], size=self.size, pad=False, resize="longest")
        return shrink(image_HW, placement, resize="longest")

    def _split(self, table: "PackedTable | DecodingTable", count: int) -> PairSplit:
        return PairSplit(
            table=table,
            index_K=np.arange(count),
            captions=[],
            tokens=[[1] * _TOKENS] * count,
            transform=self.transform,
            seed=0,
            image_KSS=None,
        )

    def _collate(self) -> PairCollate:
        return PairCollate(transform=self.transform, pad_id=0, width=_TOKENS)

    def _epoch(self, split: PairSplit, epochs: int) -> None:
        collate = self._collate()
        for first in range(0, epochs * len(split), self.batch_size):
            keys = range(first, min(first + self.batch_size, epochs * len(split)))
            collate([split[key] for key in keys])

    def _codecs(self, small: Sequence[Path]) -> list[str]:
        import cv2

        images = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in small]
        lines = []
        for codec in _CODECS:
            coded = [(memoryview(encode(image, codec)), image.shape[:2]) for image in images if image is not None]
            seconds = [
                _seconds(partial(decode, data, height, width, codec))
                for _ in range(self.repeats)
                for data, (height, width) in coded
            ]
            size = np.mean([len(data) for data, *_ in coded]) / 1024
            lines.append(f"codec {codec:<18} {1e6 * statistics.median(seconds):10.1f} us an image, {size:.1f} KiB each")
        return lines

    def _opening(self, folder: Path, small: list[Path], recipe: Recipe) -> tuple[Store, list[str]]:
        store = write_large_store(folder, small, self.rows, recipe)

        def open_it() -> None:
            opened = Store(folder, remake="")
            opened.label_NF.sum()
            opened.image(len(opened) - 1)

        seconds = [_seconds(open_it) for _ in range(self.repeats)]
        return store, [_row(f"open {len(store)} rows", seconds, "s")]

    def _access(self, store: Store) -> list[str]:
        rows = np.random.default_rng(0).integers(0, len(store), _ACCESSES).tolist()
        for row in rows[:1000]:
            store.image(row)
        seconds = sorted(_seconds(lambda: store.image(row).sum()) for row in rows)  # noqa: B023
        at = {name: 1e6 * seconds[int(len(rows) * share)] for name, share in (("median", 0.5), ("99 %", 0.99))}
        return [f"random access, read once  {at['median']:.1f} us (median), {at['99 %']:.1f} us (99 %)"]

    def _memory(self, store: Store) -> list[str]:
        split = self._split(whole_table(store), len(store))
        loader = DataLoader(
            split,
            batch_size=self.batch_size,
            num_workers=self.num_workers,
            collate_fn=self._collate(),
            worker_init_fn=one_thread,
            shuffle=True,
        )
        batches = iter(loader)
        for _ in range(10 * self.num_workers):
            next(batches)
        private = [_private_mib(worker.pid) for worker in batches._workers]  # type: ignore[attr-defined]
        return [_row(f"memory of {self.num_workers} workers, not shared", private, "MiB")]


def _private_mib(process: int | None) -> float:
    """What a process alone holds in memory; 0 where the system does not say."""
    path = Path(f"/proc/{process}/smaps_rollup")
    if not path.is_file():
        return 0.0
    lines = [line.split() for line in path.read_text().splitlines()]
    return sum(int(line[1]) for line in lines if line[0].startswith("Private_")) / 1024


def _seconds(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def _row(name: str, values: Sequence[float], unit: str) -> str:
    return f"{name:<32} {statistics.median(values):10.4g} {unit:<8}  ({min(values):.4g} to {max(values):.4g})"
