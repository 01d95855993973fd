"""What captions call an image, and that uploads name no file unasked."""

from types import SimpleNamespace

import numpy as np
import pytest

from src.data.file_table import FileTable
from src.data.phantom.source import PhantomSource
from src.tasks.image_title import image_title, shows_files

UPLOADS = SimpleNamespace(log_media=True, log_file_names=False)


def _table(*paths: str) -> FileTable:
    return FileTable(
        paths=paths,
        rows=range(5, 5 + len(paths)),
        patients=paths,
        ids=paths,
        label_NF=np.zeros((len(paths), 0), dtype=np.float32),
        read_report=lambda _: "",
        dicom_scale="maximum",
    )


def test_a_file_is_named_below_the_folder_of_all() -> None:
    table = _table("/data/x/train/a.png", "/data/x/b.png")
    assert [image_title(table, index, files=True) for index in (0, 1)] == ["train/a.png", "b.png"]
    assert [image_title(table, index, files=False) for index in (0, 1)] == ["row 5", "row 6"]
    assert image_title(_table("only.png"), 0, files=True) == "only.png"


def test_an_image_without_a_file_is_named_by_its_row() -> None:
    table = PhantomSource(seed=0, size=64, train=2, val=1, test=3, prevalence=0.2).table("train")
    assert image_title(table, 1, files=True) == "row 5"


@pytest.mark.parametrize(
    ("allowed", "loggers", "files"),
    [
        (True, [], True),
        (False, [], False),
        (True, [UPLOADS], False),
        (True, [SimpleNamespace(log_media=False)], True),
        (True, [SimpleNamespace(log_media=True, log_file_names=True)], True),
        (True, [SimpleNamespace(log_media=True, log_file_names=True), UPLOADS], False),
        (False, [SimpleNamespace(log_media=True, log_file_names=True)], False),
    ],
)
def test_files_are_named_where_data_set_and_uploads_allow_it(allowed: bool, loggers: list, files: bool) -> None:
    assert shows_files(SimpleNamespace(show_file_names=allowed), loggers) is files


def test_a_source_that_says_nothing_names_rows() -> None:
    assert not shows_files(SimpleNamespace(), [])
