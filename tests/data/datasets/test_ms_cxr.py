"""MS-CXR: the made tree, its JSON and its CSV, what is refused, and phrases back from the store."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from src.core.errors import UserError
from src.data.catalogue import Catalogue
from src.data.phrased import PhrasedDataSet
from src.data.phrases import read_phrases
from src.data.sources import GroundedTable
from src.data.store.packing import pack_store
from tests.trees import ms_cxr
from tests.trees.pictures import SIZE, phantom_table

CONF = Path(__file__).resolve().parents[3] / "conf"
CSV, JSON = f"{ms_cxr.NAME}.csv", f"{ms_cxr.NAME}.json"
COUNT, SEED = 10, 2


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ms_cxr")
    ms_cxr.make(root, count=COUNT, seed=SEED)
    return root


@pytest.fixture
def spoilt(tree: Path, tmp_path: Path) -> Callable[..., Path]:
    """Called with a change of the table, or of the JSON; a folder of annotations alone."""

    def spoil(change: Callable[[Any], Any], name: str = CSV) -> Path:
        source = tree / ms_cxr.HOME / name
        if name == CSV:
            frame = pd.read_csv(source, dtype=str)
            changed = change(frame)
            (frame if changed is None else changed).to_csv(tmp_path / name, index=False)
        else:
            whole = json.loads(source.read_text())
            change(whole)
            (tmp_path / name).write_text(json.dumps(whole))
        return tmp_path

    return spoil


def _read(root: Path, **settings: Any) -> Catalogue:
    reader = instantiate(OmegaConf.load(CONF / "dataset/ms_cxr.yaml").reader, root=str(root), **settings)
    catalogue: Catalogue = reader.read()
    return catalogue


def _packed(root: Path, store: Path) -> PhrasedDataSet:
    node = OmegaConf.load(CONF / "dataset/ms_cxr.yaml")
    base = OmegaConf.load(CONF / "dataset/_packed.yaml")
    del node["defaults"]
    node = OmegaConf.merge(base, node)
    node.reader.root = str(root)
    values = {
        "name": "default",
        "folder": str(store),
        "resize": "longest",
        "size": 80,
        "pad": True,
        "codec": "png",
        "dataset": "ms_cxr",
        "overrides": [],
    }
    node.store = {"_target_": "src.data.store.recipe.StoreSettings", **values}
    made: PhrasedDataSet = instantiate(node, _convert_="all")
    return made


def test_an_entry_an_image_with_boxes_in_the_order_of_its_phrases(tree: Path) -> None:
    catalogue = _read(tree)
    table = pd.read_csv(tree / ms_cxr.HOME / CSV)
    assert [e.image_id for e in catalogue.entries] == list(dict.fromkeys(table["dicom_id"]))
    several = 0
    for entry, label_F in zip(catalogue.entries, catalogue.label_NF, strict=True):
        own = table[table["dicom_id"] == entry.image_id]
        assert (catalogue.root / entry.file).is_file()
        assert entry.patient == entry.file.split("/")[2][1:]
        assert entry.row == own.index[0] + 1
        names = [name for name, label in zip(catalogue.finding_names, label_F, strict=True) if label == 1]
        assert names == sorted(set(own["category_name"]))
        assert np.isnan(label_F).sum() == len(label_F) - len(names)
        boxes = list(entry.boxes)
        for text, count in read_phrases(entry.report):
            of = own[own["label_text"] == text]
            taken, boxes = boxes[:count], boxes[count:]
            assert [(b.left, b.top, b.right - b.left, b.bottom - b.top) for b in taken] == [
                (row.x, row.y, row.w, row.h) for row in of.itertuples()
            ]
            assert {catalogue.finding_names[b.finding] for b in taken} == set(of["category_name"])
            several += count > 1
        assert not boxes
    assert several
    phrases = len(table.drop_duplicates(["dicom_id", "label_text"]))
    assert catalogue.version == f"1.1.0: {phrases} phrases, {len(table)} boxes, {len(catalogue.entries)} images"


def test_the_csv_says_what_the_json_says(tree: Path, tmp_path: Path) -> None:
    shutil.copy(tree / ms_cxr.HOME / CSV, tmp_path)
    by_json = _read(tree)
    by_csv = _read(tmp_path, image_root=str(tree / ms_cxr.JPG))
    assert by_csv.entries == by_json.entries
    np.testing.assert_array_equal(by_csv.label_NF, by_json.label_NF)


def test_before_1_1_there_was_no_split(tree: Path, spoilt: Callable[..., Path]) -> None:
    root = spoilt(lambda frame: frame.drop(columns="split"))
    assert {e.split for e in _read(root, image_root=str(tree / ms_cxr.JPG)).entries} == {""}


def test_phrases_come_back_from_the_store(tree: Path, tmp_path: Path) -> None:
    data_set = _packed(tree, tmp_path)
    pack_store(data_set.job(data_set.reader.read()), num_workers=0, max_unreadable=0)
    data_set.check()
    table = data_set.table("test")
    assert isinstance(table, GroundedTable)
    assert [len(data_set.table(split)) for split in ("train", "val")] == [0, 0]
    phantom = phantom_table(COUNT, SEED)
    wanted = {
        phrase.text: (np.rint(phrase.box_N4) * 80 / SIZE, ms_cxr.NAMES[phrase.category])
        for index in range(COUNT)
        for phrase in phantom.phrases(index)
        if phrase.category in ms_cxr.NAMES
    }
    seen = [phrase for index in range(len(table)) for phrase in table.phrases(index)]
    assert {phrase.text for phrase in seen} == set(wanted)
    once = [phrase for phrase in seen if sum(other.text == phrase.text for other in seen) == 1]
    for phrase in once:
        box_N4, category = wanted[phrase.text]
        np.testing.assert_allclose(phrase.box_N4, box_N4, rtol=1e-6)
        assert phrase.category == category
        assert phrase.mask_HW is None
    # a mask for each category: its boxes, filled
    names = [name for name, _ in table.masks(0)]
    assert names == sorted({phrase.category for phrase in table.phrases(0)})


def test_images_of_another_size_are_refused(tree: Path, spoilt: Callable[..., Path], tmp_path: Path) -> None:
    root = spoilt(lambda frame: frame.assign(image_width="161"))
    data_set = _packed(root, tmp_path / "store")
    job = data_set.job(_read(root, image_root=str(tree / ms_cxr.JPG)))
    with pytest.raises(UserError, match=r"has 160 x 160 pixels and was annotated at 161 x 160.*row \d+ of its table"):
        pack_store(job, num_workers=0, max_unreadable=0)


def _set(column: str, value: str, row: int = 2) -> Callable[[pd.DataFrame], None]:
    def change(frame: pd.DataFrame) -> None:
        frame.loc[row, column] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("label_text", "  "), "without a value in the column 'label_text', the first is row 3"),
        (_set("category_name", ""), "without a value in the column 'category_name', the first is row 3"),
        (_set("w", "0"), r"row 3, column 'w': 1 row\(s\) hold a box of no area"),
        (_set("h", "-4"), r"row 3, column 'h': 1 row\(s\) hold a box of no area"),
        (_set("x", "-40"), r"row 3, column 'x': 1 row\(s\) hold a box that reaches out of its image"),
        (_set("h", "900"), r"row 3, column 'y': 1 row\(s\) hold a box that reaches out of its image"),
        (_set("y", "left"), "row 3, column 'y': .* hold no number"),
        (_set("y", ""), "row 3, column 'y': .* hold no number"),
        (_set("image_width", "300", 0), "row 1, column 'image_width': .* several sizes"),
        (_set("split", "other", 0), "row 1, column 'split': .* several splits"),
        (_set("path", "../../etc/x.jpg"), "row 3, column 'path': .* lead out of the folder"),
        (lambda frame: frame.rename(columns={"label_text": "label_txt"}), "'label_text'; the nearest is 'label_txt'"),
    ],
)
def test_a_row_that_cannot_be_right_is_named(spoilt: Callable[..., Path], change: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        _read(spoilt(change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda whole: whole.pop("categories"), "needs the lists images, annotations and categories"),
        (lambda whole: whole["annotations"].clear(), "has no annotations"),
        (lambda whole: whole["annotations"][4].update(image_id=-1), "annotation 5: it needs image_id"),
        (lambda whole: whole["annotations"][4].update(bbox=[1, 2, 3]), "annotation 5: it needs"),
        (lambda whole: whole["annotations"][4].pop("label_text"), "annotation 5: it needs"),
        (lambda whole: whole["images"][0].pop("width"), "annotation 1: it needs"),
        (lambda whole: whole["annotations"][4].update(bbox=[1, 2, 0, 3]), "row 5, column 'w': .* no area"),
    ],
)
def test_a_json_that_cannot_be_right_is_named(spoilt: Callable[..., Path], change: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        _read(spoilt(change, JSON))


def test_what_is_no_json_and_images_that_are_not_there(tree: Path, tmp_path: Path) -> None:
    shutil.copy(tree / ms_cxr.HOME / JSON, tmp_path)
    with pytest.raises(UserError, match=r"found none; give dataset\.reader\.image_root=DIR"):
        _read(tmp_path)
    with pytest.raises(UserError, match=r"looked for its images .* in /nowhere"):
        _read(tmp_path, image_root="/nowhere")
    (tmp_path / JSON).write_text("dicom_id,label_text\n")
    with pytest.raises(UserError, match="is no annotation file of MS-CXR"):
        _read(tmp_path)
    (tmp_path / JSON).unlink()
    with pytest.raises(UserError, match="is not complete: looked for MS_CXR_Local_Alignment"):
        _read(tmp_path)
