"""The order of the training pairs: by seed and epoch alone, whatever the number of workers."""

from collections.abc import Iterator, Sized
from typing import cast

from torch.utils.data import DistributedSampler


class EpochSampler(DistributedSampler):
    """A shuffled share of the data set for each process; yields ``epoch * size + index``.

    The number carries the epoch to the workers, which outlive it, so that each epoch draws its own augmentation.
    Lightning calls ``set_epoch`` and leaves a distributed sampler alone.
    """

    def __init__(self, *, size: int, replicas: int, rank: int, seed: int) -> None:
        super().__init__(range(size), num_replicas=replicas, rank=rank, shuffle=True, seed=seed, drop_last=True)

    def __iter__(self) -> Iterator[int]:
        size = len(cast(Sized, self.dataset))
        return (self.epoch * size + index for index in super().__iter__())
