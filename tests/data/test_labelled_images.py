"""Images judged by their labels alone, without reports.

Axes: N images, F findings.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from src.data.phantom.source import PhantomSource

NAN = float("nan")


class Labelled:
    """The phantom's images under labels of the test's own."""

    finding_names = ("a", "b")

    def __init__(self, labels: list[list[float]], *, exclusive: bool) -> None:
        self.exclusive = exclusive
        self._label_NF = np.array(labels, dtype=np.float32)

    def check(self) -> None:
        pass

    def table(self, split: str) -> Any:
        count = len(self._label_NF)
        table = PhantomSource(seed=0, size=64, train=count, val=count, test=count, prevalence=0.3).table(split)
        table.label_NF = self._label_NF
        return table


def test_no_report_is_read(make_module: Callable[..., Any]) -> None:
    module = make_module(Labelled([[1, 0], [0, 1], [1, 1], [0, 0], [1, 0]], exclusive=False), tokenizer=None)
    batches = list(module.train_dataloader())
    # the last batch is smaller: nothing is contrasted within it
    assert [len(batch) for batch in batches] == [4, 1]
    assert batches[0].token_BL.shape == (4, 0)
    assert batches[0].to("cpu").image_BCHW.shape == (4, 3, 32, 32)


def test_images_whose_labels_say_nothing_are_left_out(
    make_module: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    labels = [[1, NAN], [NAN, NAN], [0, 0], [1, 1]]
    module = make_module(Labelled(labels, exclusive=False), tokenizer=None)
    assert module.split("test").index_K.tolist() == [0, 2, 3]
    assert "test: 1 of 4 images have no known label" in caplog.text
    module = make_module(Labelled(labels, exclusive=True), tokenizer=None)
    assert module.split("test").index_K.tolist() == [0]
    assert "3 of 4 images have none of the classes, or several" in caplog.text


def test_who_is_judged(make_module: Callable[..., Any]) -> None:
    module = make_module(Labelled([[1, 0], [NAN, NAN], [0, 1]], exclusive=False), tokenizer=None)
    keys = module.case_keys("test")
    rows = torch.cat([batch.row_B for batch in module.judging_dataloader("test")])
    assert keys.row_N.tolist() == rows.tolist()
    assert len(keys.group_N.unique()) == 2


def test_subsets_of_other_fractions_are_nested(make_module: Callable[..., Any]) -> None:
    labels = [[i % 2, i % 3 == 0] for i in range(60)]
    module = make_module(Labelled(labels, exclusive=False), tokenizer=None)
    tenth, half = module.training_subset(0.1, seed=4), module.training_subset(0.5, seed=4)
    assert (len(tenth), len(half)) == (6, 30)
    assert set(tenth) <= set(half)
    assert set(half) != set(module.training_subset(0.5, seed=5))
    own = make_module(Labelled(labels, exclusive=False), tokenizer=None, fraction=0.5, seed=4)
    assert own.split("train").index_K.tolist() == module.split("train").index_K[half].tolist()
