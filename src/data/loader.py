"""Loaders of this project's data sets, whatever a batch is."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from src.data.memory_cache import one_thread


def make_loader(
    samples: Dataset[Any],
    *,
    collate: Callable[[Sequence[Any]], Any],
    batch_size: int,
    num_workers: int,
    seed: int,
    **options: Any,
) -> DataLoader:
    """A loader whose workers stay and start no threads; ``options`` are DataLoader's own."""
    return DataLoader(
        samples,
        batch_size=batch_size,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        pin_memory=torch.cuda.is_available(),
        collate_fn=collate,
        worker_init_fn=one_thread,
        # its own generator: the model's random numbers must not depend on how many loaders and workers there are
        generator=torch.Generator().manual_seed(seed),
        **options,
    )
