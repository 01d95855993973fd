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
        """Return the epoch, how many batches of it were given out, and the samples that all processes saw in it."""
        batches = self.batch_sampler
        if batches.state is not None and batches.state["epoch"] == batches.epoch:
            # resumed, and stopped again before its first batch
            return batches.state
        return {"epoch": batches.epoch, "given": batches.given, **batches.order(), "seen": batches.seen()}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Let the next epoch begin after the batches that were given out, if it is the one they belong to."""
        self.batch_sampler.state = state

    def continue_epoch(self, epoch: int) -> int | None:
        """Return how many batches count as given out when ``epoch`` goes on; None where the state is not of it.

        With the batch size and the processes that the state was written with, it is the number given out. Raises
        UserError where the order of the samples is another one.
        """
        batches = self.batch_sampler
        state = batches.state
        if state is None or state["epoch"] != epoch:
            return None
        for name, now in batches.order().items():
            if state.get(name, now) != now:
                raise UserError(
                    f"the checkpoint to resume was written in the middle of an epoch with {_ORDER[name]} "
                    f"{state[name]}, and this run has {now}: samples would be left out or seen twice. Resume with the "
                    "settings that it was written with, or from a checkpoint of an epoch's end."
                )
        return batches.given_after(state)


_ORDER = {"size": "a training split of the size", "seed": "datamodule.seed"}


class _Batches(Sampler[list[int]]):
    """The batches of another sampler; an epoch may begin after the first ``given`` of them.

    ``batches``: a BatchSampler of an ``EpochSampler``, or any other sampler of batches.
    """

    def __init__(self, batches: Any) -> None:
        self.batches = batches
        # where Lightning looks for what has a set_epoch
        self.sampler: Any = getattr(batches, "sampler", None)
        self.given = 0
        self.state: dict[str, int] | None = None
        self._skipped = 0

    @property
    def epoch(self) -> int:
        return getattr(self.sampler, "epoch", 0)

    def order(self) -> dict[str, int]:
        """What the order of the samples follows from, beside the epoch."""
        return self.sampler.order() if self._counts_samples else {}

    def seen(self) -> int:
        """How many samples of the epoch all processes were given."""
        if not self._counts_samples:
            return 0
        return self.sampler.first + (self.given - self._skipped) * self._samples_per_batch

    def given_after(self, state: dict[str, int]) -> int:
        """How many batches of this size count as given out once the samples of ``state`` are seen."""
        if not self._counts_samples or "seen" not in state:
            return state["given"]
        left, size = self.sampler.size_after(state["seen"]), self.batches.batch_size
        return len(self.batches) - (left // size if self.batches.drop_last else -(-left // size))

    def begin(self) -> None:
        """Choose where the epoch begins."""
        state, self.state = self.state, None
        if state is None or state["epoch"] != self.epoch:
            state = {"given": 0, "seen": 0}
        self.given = self._skipped = self.given_after(state)
        if self._counts_samples:
            self.sampler.first = state.get("seen", state["given"] * self._samples_per_batch)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches) if self._counts_samples else islice(self.batches, self.given, None)

    def __len__(self) -> int:
        return len(self.batches)

    @property
    def _counts_samples(self) -> bool:
        return hasattr(self.sampler, "size_after")

    @property
    def _samples_per_batch(self) -> int:
        return self.batches.batch_size * self.sampler.num_replicas
