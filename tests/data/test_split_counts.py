"""The numbers of a run's first lines, worked out by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from src.data.split_counts import Epoch, SplitCounts, epoch_of


@pytest.mark.parametrize(
    ("size", "batch_size", "processes", "drop_last", "steps", "dropped"),
    [
        (100, 32, 1, True, 3, 4),
        (100, 32, 1, False, 4, 0),
        # 50 for each of two processes: 3 steps of 16, 2 x 2 pairs left
        (101, 16, 2, True, 3, 5),
        (101, 16, 2, False, 4, 1),
        (64, 32, 2, True, 1, 0),
    ],
)
def test_steps_and_dropped_pairs(
    size: int, batch_size: int, processes: int, drop_last: bool, steps: int, dropped: int
) -> None:
    found = epoch_of(size, batch_size=batch_size, processes=processes, drop_last=drop_last)
    assert found == Epoch(steps=steps, batch_size=batch_size, processes=processes, dropped=dropped)


def test_lines() -> None:
    counts = SplitCounts(split="train", listed=10, kept=7, left_out={"report empty": 2, "x": 1}, unknown_share=0.0)
    assert str(counts) == "train: 7 of 10 pairs (left out: 2 report empty, 1 x)"
    assert str(SplitCounts(split="val", listed=3, kept=3, left_out={}, unknown_share=None)) == "val: 3 pairs"
    assert str(epoch_of(101, batch_size=16, processes=2, drop_last=True)) == (
        "3 steps per epoch of 2 x 16 pairs, 5 pairs dropped in each epoch (incomplete last batch)"
    )


@pytest.mark.parametrize("contrasts", [True, False])
def test_the_data_modules_epoch_is_that_of_its_loader(
    make_module: Callable[..., Any], made_source: Callable[..., Any], contrasts: bool
) -> None:
    source = made_source([f"report number {i} of ten" for i in range(10)])
    module = make_module(source, **({} if contrasts else {"tokenizer": None, "drop_last": False}))
    batches = list(module.train_dataloader())
    assert module.epoch().steps == len(batches) == (2 if contrasts else 3)
    assert module.epoch().dropped == 10 - sum(len(batch.row_B) for batch in batches) == (2 if contrasts else 0)
    assert (module.counts("train").kept, module.counts("val").kept) == (10, 5)


def test_unusable_images_are_counted(make_module: Callable[..., Any], folder_source: Any) -> None:
    folder_source.paths[3].unlink()
    module = make_module(folder_source, max_unreadable=0.2)
    assert str(module.counts("train")) == "train: 19 of 20 pairs (left out: 1 image missing or unreadable)"
