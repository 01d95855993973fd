"""The order of the training pairs: by seed and epoch alone, whatever the number of workers."""

from collections.abc import Iterator

from torch.utils.data import DistributedSampler

from src.data.pair_split import PairSplit


class EpochSampler(DistributedSampler):
    """A shuffled share of the data set for each process; yields ``epoch * size + position``.

    The number carries the epoch to the workers, which outlive it, so that each epoch draws its own augmentation.
    Lightning calls ``set_epoch`` and leaves a distributed sampler alone.
    """

    def __init__(self, *, split: PairSplit, replicas: int, rank: int, seed: int) -> None:
        super().__init__(split, num_replicas=replicas, rank=rank, shuffle=True, seed=seed, drop_last=True)
        self._size = len(split)

    def __iter__(self) -> Iterator[int]:
        first_key = self.epoch * self._size
        return (first_key + position for position in super().__iter__())
