"""In which order, and in which batches, a split is read: by seed, epoch and number of processes alone."""

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import BatchSampler, DistributedSampler, Sampler

from src.core.errors import UserError
from src.data.loader import drops_last
from src.data.pair_split import PairSplit


class EpochSampler(DistributedSampler):
    """A shuffled share of the data set for each process; yields ``epoch * size + position``.

    The number carries the epoch to the workers, which outlive it, so that each epoch draws its own augmentation.
    Lightning calls ``set_epoch`` and leaves a distributed sampler alone. An epoch begins after the ``first`` samples of
    its order, which all processes share out: the samples left do not depend on how many processes saw those before.
    """

    def __init__(self, *, split: PairSplit, replicas: int, rank: int, seed: int) -> None:
        super().__init__(split, num_replicas=replicas, rank=rank, shuffle=True, seed=seed, drop_last=True)
        self._size = len(split)
        self.first = 0

    def __iter__(self) -> Iterator[int]:
        order = torch.randperm(self._size, generator=torch.Generator().manual_seed(self.seed + self.epoch))
        left = order[self.first :][: self.size_after(self.first) * self.num_replicas]
        return (self.epoch * self._size + position for position in left[self.rank :: self.num_replicas].tolist())

    def size_after(self, first: int) -> int:
        """Return how many samples each process has of an epoch that begins after its ``first`` ones."""
        return max(self._size - first, 0) // self.num_replicas

    def order(self) -> dict[str, int]:
        """Return the values that the order of an epoch follows from: the size of the split and the seed."""
        return {"size": self._size, "seed": self.seed}


class EvenBatches(Sampler[list[int]]):
    """All ``size`` samples in order, each once, in batches that differ by one sample at most.

    The batches of all processes together are those of one process with ``replicas`` times the ``batch_size``, and
    every process has as many; a last batch of a few samples, which has little to contrast, does not come about.
    Raises UserError where there are fewer samples than processes.
    """

    def __init__(self, *, size: int, batch_size: int, replicas: int, rank: int) -> None:
        if size < replicas:
            raise UserError(
                f"the validation split has {size} usable pair(s), fewer than the {replicas} processes that share it; "
                "train with fewer processes (trainer.devices), or choose another split"
            )
        together = min(-(-size // (batch_size * replicas)), size // replicas)
        joined = [range(size)[_share(size, together, place)] for place in range(together)]
        self._batches = [list(whole[_share(len(whole), replicas, rank)]) for whole in joined]

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)


def val_batches(size: int, batch_size: int, *, replicas: int, rank: int, drop_last: bool) -> Sampler[list[int]]:
    """The validation batches of one process.

    Without ``drop_last`` they are even and hold every sample once. With it they are those of the released code: each
    process takes every ``replicas``-th sample, the first ones again where the last round is not full, and leaves out
    its last incomplete batch; a split of less than one batch keeps even ones.
    """
    if drops_last(size // replicas, batch_size, wanted=drop_last, split="val"):
        samples: Any = range(size)
        share: Any = DistributedSampler(samples, num_replicas=replicas, rank=rank, shuffle=False)
        return BatchSampler(share, batch_size, drop_last=True)
    return EvenBatches(size=size, batch_size=batch_size, replicas=replicas, rank=rank)


def _share(size: int, parts: int, place: int) -> slice:
    """The ``place``-th of near-even ``parts`` of ``size`` things, the larger ones first."""
    least, larger = divmod(size, parts)
    first = place * least + min(place, larger)
    return slice(first, first + least + (place < larger))
