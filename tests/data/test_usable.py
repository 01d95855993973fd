"""What is said of reports that hold nothing usable."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from src.core.errors import UserError
from src.data.usable import read_reports


@pytest.fixture
def table(made_source: Callable[..., Any]) -> Any:
    reports = [
        "",
        " ___ ",
        "EXAM: chest.\n\nTECHNIQUE: PA.",
        "Normal.",
        "胸部正常 无急性病变",
        "The heart is enlarged.",
    ]
    return made_source(reports).table("train")


def test_each_reason_is_counted_with_its_setting(table: Any, caplog: pytest.LogCaptureFixture) -> None:
    usable = read_reports("train", table, np.arange(6), "published", advice="Set X")
    assert usable.captions == ["the heart is enlarged"]
    assert usable.index_K.tolist() == [5]
    assert [record.getMessage() for record in caplog.records] == [
        "train: 5 of 6 reports have no usable text (2 empty, 1 without findings or impression, 1 too short, 1 not in "
        "Latin script); their pairs are left out. rules=corrected keeps short reports, other scripts, and text below "
        "other headings. Set X"
    ]


def test_corrected_rules_keep_what_they_can(table: Any, caplog: pytest.LogCaptureFixture) -> None:
    usable = read_reports("val", table, np.arange(6), "corrected", advice="")
    assert usable.left_out == {"report empty": 2, "report without findings or impression": 1}
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.endswith("(2 empty, 1 without findings or impression); their pairs are left out")


def test_sentences_of_labels_are_no_reports(
    make_module: Callable[..., Any], made_source: Callable[..., Any], table: Any, caplog: pytest.LogCaptureFixture
) -> None:
    source = made_source([])
    source.table = lambda _: table
    table.reports_from = "labels"
    table.reports = ["There is one.", "", "", "There is no one."]
    table.label_NF = np.array([[1], [np.nan], [np.nan], [0]], dtype=np.float32)
    with caplog.at_level(logging.WARNING):
        module = make_module(source)
        assert module.captions("train") == ["there is one", "there is no one"]
    (message,) = [record.getMessage() for record in caplog.records]
    assert message == "train: 2 of 4 images have no known label to make a sentence of; they are left out"
    assert module.counts("train").left_out == {"without a known label": 2}
    table.reports = [""] * 4
    with pytest.raises(UserError, match="no pair with a usable label"):
        make_module(source).setup("fit")
