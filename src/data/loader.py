"""Loaders of this project's data sets, whatever a batch is."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler, SequentialSampler

from src.core.errors import UserError
from src.data.memory_cache import one_thread
from src.data.usable import say


def make_loader(
    samples: Dataset[Any],
    *,
    collate: Callable[[Sequence[Any]], Any],
    batch_size: int,
    num_workers: int,
    seed: int,
    sampler: Sampler[int] | None = None,
    batch_sampler: Sampler[list[int]] | None = None,
    drop_last: bool = False,
) -> "ResumableLoader":
    """A loader whose workers stay and start no threads; the samples come in order unless a sampler is given."""
    if batch_sampler is None:
        order = SequentialSampler(range(len(samples))) if sampler is None else sampler  # type: ignore[arg-type]
        batch_sampler = BatchSampler(order, batch_size, drop_last)
    return ResumableLoader(
        samples,
        batch_sampler=_Batches(batch_sampler),
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        pin_memory=torch.cuda.is_available(),
        collate_fn=collate,
        worker_init_fn=one_thread,
        # its own generator: the model's random numbers must not depend on how many loaders and workers there are
        generator=torch.Generator().manual_seed(seed),
    )


def drops_last(size: int, batch_size: int, *, wanted: bool, split: str) -> bool:
    """Whether the last incomplete batch of ``size`` samples is left out: as ``wanted``, unless it is the only one.

    Warns where it is, so that nothing is trained or chosen on no image at all.
    """
    if wanted and size < batch_size:
        say(
            f"{split}: {size} image(s) for each process are fewer than the batch size of {batch_size}; this one batch "
            "is kept, although drop_last leaves out incomplete ones"
        )
    return wanted and size >= batch_size


class ResumableLoader(DataLoader):
    """A loader that goes on in the middle of an epoch, where Lightning restores its state.

    The sampler is asked, and workers begin to read, with the first batch and not before: Lightning makes the iterator
    of a resumed run before it tells the sampler the epoch.
    """

    batch_sampler: "_Batches"

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        batches = self.batch_sampler
        batches.begin()
        try:
            for batch in super().__iter__():
                batches.given += 1
                yield batch
        except UserError as error:
            # a worker's comes with its printed traceback, of which the sentence is the end
            raise type(error)(str(error).rpartition("UserError: ")[2].strip()) from error

    def state_dict(self) -> dict[str, int]:
        """The epoch, and how many of its batches were given out."""
        return {"epoch": self.batch_sampler.epoch, "given": self.batch_sampler.given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Let the next epoch begin after the batches that were given out, if it is the one they belong to."""
        self.batch_sampler.state = state


class _Batches(Sampler[list[int]]):
    """The batches of another sampler, the first ``given`` of an epoch left out."""

    def __init__(self, batches: Any) -> None:
        self.batches = batches
        # where Lightning looks for what has a set_epoch
        self.sampler = getattr(batches, "sampler", None)
        self.given = 0
        self.state: dict[str, int] | None = None

    @property
    def epoch(self) -> int:
        return getattr(self.sampler, "epoch", 0)

    def begin(self) -> None:
        """Choose where the epoch begins."""
        state, self.state = self.state, None
        self.given = state["given"] if state is not None and state["epoch"] == self.epoch else 0

    def __iter__(self) -> Iterator[list[int]]:
        return islice(self.batches, self.given, None)

    def __len__(self) -> int:
        return len(self.batches)
