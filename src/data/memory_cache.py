"""Reads every image of a split once, shrinks it, and keeps it in memory.

Axes: K images, S pixels a side, H and W pixels.
"""

import os
import signal
import threading
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from src.core.errors import UserError
from src.core.interrupted import stop_signals
from src.data.files_there import files_there
from src.data.sources import PairTable
from src.data.transforms import ImageTransform

_CHUNK = 16


class Store(NamedTuple):
    """``image_KSS``: uint8, the images that could be read; ``reasons``: position and reason of each of the others."""

    image_KSS: Tensor
    reasons: dict[int, str]


class _Shrunk(Dataset[np.ndarray | str]):
    def __init__(self, table: PairTable, index_N: np.ndarray, transform: ImageTransform) -> None:
        self.table = table
        self.index_N = index_N
        self.transform = transform

    def __len__(self) -> int:
        return len(self.index_N)

    def __getitem__(self, position: int) -> np.ndarray | str:
        try:
            return self.transform.shrink(self.table.image(int(self.index_N[position])))
        except UserError as error:
            return str(error)


def fill_store(
    table: PairTable, index_N: np.ndarray, transform: ImageTransform, *, num_workers: int, title: str
) -> Store:
    """Read and shrink the images ``index_N`` of ``table`` in ``num_workers`` processes, with a progress bar.

    Raises ``UserError`` where the transform's first stage does not give every image the same size.
    """
    from tqdm import tqdm

    loader = DataLoader(
        _Shrunk(table, index_N, transform),
        batch_size=_CHUNK,
        num_workers=num_workers,
        collate_fn=list,
        worker_init_fn=one_thread,
        generator=torch.Generator(),
    )
    image_NSS: Tensor | None = None
    reasons: dict[int, str] = {}
    position = 0
    for chunk in tqdm(loader, desc=title, unit="batch", leave=False, disable=None):
        for image in chunk:
            if isinstance(image, str):
                reasons[position] = image
            else:
                if image_NSS is None:
                    image_NSS = torch.empty((len(index_N), *image.shape), dtype=torch.uint8)
                _check_size(image, image_NSS)
                image_NSS[position - len(reasons)] = torch.from_numpy(image)
            position += 1
    images = torch.empty((0, 1, 1), dtype=torch.uint8) if image_NSS is None else image_NSS[: position - len(reasons)]
    return Store(images, reasons)


def missing_files(table: PairTable, index_N: np.ndarray) -> dict[int, str]:
    """Position and reason of each of the images ``index_N`` whose file is not there; no image is read."""
    files = {position: file for position, index in enumerate(index_N) if (file := table.file(int(index)))}
    there = files_there(files.values())
    return {position: "the file is missing" for position, exists in zip(files, there, strict=True) if not exists}


def one_thread(_: int) -> None:
    """For a worker process: keeps OpenCV from starting threads of its own, and memory shared with the parent shared.

    Stop signals, which schedulers send to every process of a job, are left to the parent, which needs batches still; of
    SIGTERM its own alone counts, by which it ends a worker.
    """
    import gc

    import cv2

    cv2.setNumThreads(0)
    for number in {*stop_signals()} - {signal.SIGTERM}:
        signal.signal(number, signal.SIG_IGN)
    # macOS does not say whose a signal is
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_when_parent_says, daemon=True).start()
    # a collection touches every object, and what is touched is copied
    gc.freeze()


def _end_when_parent_says() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)


def _check_size(image_HW: np.ndarray, image_NSS: Tensor) -> None:
    if image_HW.shape != tuple(image_NSS.shape[1:]):
        raise UserError(
            f"transform.train.resize gives images of different sizes ({image_HW.shape} and "
            f"{tuple(image_NSS.shape[1:])}); end it with a padding to one size, or set datamodule.cache=none"
        )
