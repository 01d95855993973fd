"""Reading a store: cheap to hand to a worker, and refused with the command that remakes it where it is not right."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from src.core.errors import UserError
from src.data.store.manifest import differences, read_manifest
from src.data.store.packing import pack_store
from src.data.store.recipe import Recipe
from src.data.store.store import Store
from tests.data.store.made import contents, job, write_pictures

COUNT = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    write_pictures(root / "raw", COUNT)
    pack_store(job(root / "s", root / "raw", COUNT), num_workers=0, max_unreadable=0)
    return root / "s"


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A store that a test may spoil."""
    for name, data in contents(folder).items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_it_pickles_as_its_path(folder: Path) -> None:
    store = Store(folder, remake="remake")
    store.image(299), store.label_NF
    pickled = pickle.dumps(store)
    assert len(pickled) < 500
    again = pickle.loads(pickled)
    for row in (0, 255, 256, 299):
        np.testing.assert_array_equal(again.image(row), store.image(row))


def test_a_raw_image_is_a_view_that_cannot_be_written_to(folder: Path) -> None:
    image_HW = Store(folder, remake="remake").image(5)
    with pytest.raises(ValueError, match="read-only"):
        image_HW[0, 0] = 1


def _spoil(folder: Path, **values: object) -> None:
    manifest = json.loads((folder / "store.json").read_text())
    (folder / "store.json").write_text(json.dumps({**manifest, **values}))


def test_no_store_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no store in .*; make it with: remake this"):
        Store(tmp_path, remake="remake this")


def test_a_newer_format(copy: Path) -> None:
    _spoil(copy, format=99)
    with pytest.raises(UserError, match=r"has format 99, and this version reads format 3; remake it with: remake"):
        Store(copy, remake="remake")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "notes": [], "finding_names": []}'])
def test_a_damaged_manifest(copy: Path, text: str) -> None:
    (copy / "store.json").write_text(text)
    with pytest.raises(UserError, match=r"remake (it|the store) with: remake"):
        Store(copy, remake="remake")


@pytest.mark.parametrize("name", ["index.arrow", "images-00001.arrow"])
@pytest.mark.parametrize("spoil", ["gone", "cut"])
def test_a_damaged_file(copy: Path, name: str, spoil: str) -> None:
    if spoil == "gone":
        (copy / name).unlink()
    else:
        (copy / name).write_bytes((copy / name).read_bytes()[:1000])
    with pytest.raises(UserError, match=rf"{name} is missing or damaged; remake the store with: remake"):
        Store(copy, remake="remake").image(280)


def test_what_differs_is_named_with_both_values(folder: Path) -> None:
    manifest = read_manifest(folder, remake="")
    recipe = Recipe(resize="longest", size=48, pad=False, codec="raw", dicom_scale="maximum")
    assert differences(manifest, recipe, {"views": None}) == []
    other = Recipe(resize="longest", size=64, pad=False, codec="raw", dicom_scale="window")
    found = differences(manifest, other, {"views": ["PA"]})
    assert [one.override for one in found] == [
        "store.size=64",
        "dataset.dicom_scale=window",
        "dataset.reader.views=[PA]",
    ]
    assert [str(one) for one in found] == [
        "store.size is 48 in the store and 64 here",
        "dataset.dicom_scale is maximum in the store and window here",
        "dataset.reader.views is None in the store and ['PA'] here",
    ]


def test_the_manifest_says_how_it_was_made_and_nothing_of_when_and_where(folder: Path) -> None:
    text = (folder / "store.json").read_text()
    manifest = json.loads(text)
    assert manifest["recipe"] == {
        "resize": "longest",
        "size": 48,
        "pad": False,
        "codec": "raw",
        "dicom_scale": "maximum",
    }
    assert {"numpy", "pyarrow", "pillow"} <= set(manifest["made_with"])
    assert str(folder.parent) not in text
    assert (folder / "quarantine.csv").read_text() == "row,file,reason\n"
