"""What a data module leaves out and counts, and what stops it."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from src.core.errors import UserError
from src.data.longest_side import LongestSide
from src.data.transforms import ImageTransform
from tests.data.made_dicom import dicom, ramp


def _reports(count: int) -> list[str]:
    return [f"report number {'x' * (i + 1)} " + "word " * (i % 5) for i in range(count)]


def test_empty_reports_are_counted_in_one_message(
    make_module: Callable[..., Any], made_source: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    reports = [*_reports(6), "", "nan nan", "胸部正常", "one two"]
    with caplog.at_level(logging.WARNING):
        module = make_module(made_source(reports), rules="published")
        module.setup("fit")
    assert len(module.captions("train")) == 6
    (message,) = [record.getMessage() for record in caplog.records]
    assert message == (
        "train: 4 of 10 reports have no usable text (1 empty, 2 too short, 1 not in Latin script); their pairs are "
        "left out. rules=corrected keeps short reports, other scripts, and text below other headings"
    )
    assert module.counts("train").left_out == {
        "report empty": 1,
        "report too short": 2,
        "report not in Latin script": 1,
    }


def test_a_split_without_any_usable_report_stops(
    make_module: Callable[..., Any], made_source: Callable[..., Any]
) -> None:
    with pytest.raises(UserError, match="no pair with a usable report"):
        make_module(made_source(["", " "])).setup("fit")


def test_a_batch_larger_than_the_training_split_stops(
    make_module: Callable[..., Any], made_source: Callable[..., Any]
) -> None:
    with pytest.raises(UserError, match=r"batch_size is 4.*has 3 pairs"):
        make_module(made_source(_reports(3))).train_dataloader()


@pytest.mark.parametrize("fraction", [0.0, 1.5])
def test_a_fraction_outside_its_range_stops(
    make_module: Callable[..., Any], made_source: Callable[..., Any], fraction: float
) -> None:
    with pytest.raises(UserError, match=r"datamodule\.fraction"):
        make_module(made_source(_reports(3)), fraction=fraction)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_unreadable_images_are_counted_and_listed(
    make_module: Callable[..., Any], folder_source: Any, num_workers: int, caplog: pytest.LogCaptureFixture
) -> None:
    source = folder_source
    source.paths[3].write_bytes(b"")
    source.paths[7].unlink()
    with caplog.at_level(logging.WARNING):
        module = make_module(source, num_workers=num_workers, max_unreadable=0.2)
        module.setup("fit")
    assert [(skip.split, skip.row, skip.file) for skip in module.skipped] == [
        ("train", 4, "03.png"),
        ("train", 8, "07.png"),
    ]
    assert "empty" in module.skipped[0].reason
    assert "missing" in module.skipped[1].reason
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("train: 2 of 20 images are missing or unreadable")
    assert "row 4" in message
    assert "03.png" in message
    rows = {row for batch in module.train_dataloader() for row in batch.row_B.tolist()}
    assert len(rows) == 16
    assert not rows & {4, 8}


@pytest.mark.parametrize("cache", ["memory", "none"])
def test_too_many_missing_images_stop(make_module: Callable[..., Any], folder_source: Any, cache: str) -> None:
    source = folder_source
    source.paths[3].unlink()
    source.paths[5].unlink()
    with pytest.raises(UserError, match=r"2 of 20 images.*max_unreadable=0\.05.*row 4, 03\.png"):
        make_module(source, cache=cache).setup("fit")


@pytest.mark.parametrize("num_workers", [0, 1])
def test_without_a_cache_a_bad_image_stops_with_its_row(
    make_module: Callable[..., Any], folder_source: Any, num_workers: int
) -> None:
    source = folder_source
    source.paths[3].write_bytes(source.paths[3].read_bytes()[:2000])
    source.paths[9].unlink()
    module = make_module(source, cache="none", num_workers=num_workers, max_unreadable=0.2, batch_size=1)
    module.setup("fit")
    assert [skip.row for skip in module.skipped] == [10]
    with pytest.raises(UserError, match=r"^row 4: 03\.png is cut off or damaged \([^\n]*\)$"):
        list(module.train_dataloader())


def test_images_of_several_sizes_cannot_be_kept(
    make_module: Callable[..., Any], made_source: Callable[..., Any]
) -> None:
    unpadded = ImageTransform(resize=[LongestSide(size=48)], ops=[], mean=0.5, std=0.5)
    with pytest.raises(UserError, match=r"different sizes.*cache=none"):
        make_module(made_source(_reports(12)), train_transform=unpadded).setup("fit")


@pytest.mark.parametrize("num_workers", [0, 1])
def test_dicoms_with_odd_headers_are_left_out_and_listed(
    make_module: Callable[..., Any], folder_source: Any, num_workers: int
) -> None:
    source = folder_source
    odd = {2: {"BitsAllocated": 13}, 5: {"PhotometricInterpretation": "RGB"}, 8: {"RescaleSlope": ""}}
    for position, elements in odd.items():
        dicom(ramp(4095), **elements).save_as(source.paths[position])
    module = make_module(source, num_workers=num_workers, max_unreadable=0.2)
    module.setup("fit")
    assert [skip.row for skip in module.skipped] == [3, 6]
    assert "cannot be decoded" in module.skipped[0].reason
    assert "RGB with 1 samples per pixel" in module.skipped[1].reason
