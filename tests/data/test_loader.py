"""Loaders go on where they were, and validation batches are even."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.errors import UserError
from src.data.loader import ResumableLoader, drops_last, make_loader
from src.data.sampler import EpochSampler, EvenBatches, val_batches


def loader_of(size: int = 11, num_workers: int = 0) -> ResumableLoader:
    samples: Any = list(range(100))
    sampler = EpochSampler(split=range(size), replicas=1, rank=0, seed=5)  # type: ignore[arg-type]
    return make_loader(samples, collate=list, batch_size=2, num_workers=num_workers, seed=1, sampler=sampler)


def epoch_of(loader: ResumableLoader, epoch: int) -> Iterator[Any]:
    """As Lightning does in a resumed run: the iterator first, the epoch after it."""
    iterator = iter(loader)
    loader.batch_sampler.sampler.set_epoch(epoch)
    return iterator


@pytest.mark.parametrize("num_workers", [0, 1])
@pytest.mark.parametrize("given_out", [0, 1, 4])
def test_goes_on_in_the_middle_of_an_epoch(given_out: int, num_workers: int) -> None:
    whole = list(epoch_of(loader_of(), 2))
    broken_off = loader_of()
    iterator = epoch_of(broken_off, 2)
    first = [next(iterator) for _ in range(given_out)]
    resumed = loader_of(num_workers=num_workers)
    resumed.load_state_dict(broken_off.state_dict())
    assert first + list(epoch_of(resumed, 2)) == whole
    assert len(resumed) == 6
    assert list(epoch_of(resumed, 3)) == list(epoch_of(loader_of(), 3))


def test_a_finished_epoch_is_followed_by_the_whole_next_one() -> None:
    finished = loader_of()
    list(epoch_of(finished, 2))
    resumed = loader_of()
    resumed.load_state_dict(finished.state_dict())
    assert list(epoch_of(resumed, 3)) == list(epoch_of(loader_of(), 3))


@given(size=st.integers(1, 60), batch_size=st.integers(1, 7), replicas=st.integers(1, 4))
def test_even_batches_are_those_of_one_process_with_the_joined_batch(size, batch_size, replicas):
    if size < replicas:
        with pytest.raises(UserError, match="fewer than the"):
            EvenBatches(size=size, batch_size=batch_size, replicas=replicas, rank=0)
        return
    ranks = [
        list(EvenBatches(size=size, batch_size=batch_size, replicas=replicas, rank=rank)) for rank in range(replicas)
    ]
    assert len({len(batches) for batches in ranks}) == 1
    joined = [list(chain(*parts)) for parts in zip(*ranks, strict=True)]
    assert list(chain(*joined)) == list(range(size))
    sizes = [len(batch) for batches in ranks for batch in batches]
    assert min(sizes) >= 1
    assert max(sizes) <= max(batch_size, 2)
    assert max(map(len, joined)) - min(map(len, joined)) <= 1
    if batch_size > 1:
        assert joined == list(EvenBatches(size=size, batch_size=batch_size * replicas, replicas=1, rank=0))


def test_validation_that_drops_the_last_batch_by_hand() -> None:
    def batches(size: int, batch_size: int, replicas: int = 1, *, drop_last: bool = True) -> list[list[list[int]]]:
        return [
            list(val_batches(size, batch_size, replicas=replicas, rank=rank, drop_last=drop_last))
            for rank in range(replicas)
        ]

    assert batches(7, 3) == [[[0, 1, 2], [3, 4, 5]]]
    assert batches(6, 3) == [[[0, 1, 2], [3, 4, 5]]]
    # two processes take turns; the seventh sample's partner is the first once more
    assert batches(7, 2, 2) == [[[0, 2], [4, 6]], [[1, 3], [5, 0]]]
    assert batches(5, 2, 2) == [[[0, 2]], [[1, 3]]]
    assert batches(7, 3, drop_last=False) == [[[0, 1, 2], [3, 4], [5, 6]]]


def test_a_split_of_less_than_one_batch_is_kept_and_said(caplog: pytest.LogCaptureFixture) -> None:
    (batch,) = val_batches(2, 3, replicas=1, rank=0, drop_last=True)
    assert batch == [0, 1]
    (message,) = caplog.messages
    assert message.startswith(
        "val: 2 image(s) for each process are fewer than the batch size of 3; this one batch is kept"
    )
    assert drops_last(3, 3, wanted=True, split="train")
    assert not drops_last(4, 3, wanted=False, split="train")
    assert len(caplog.messages) == 1
