"""Object-CXR: shapes in one cell, two releases of the tables."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from src.core.errors import UserError
from src.data.catalogue import Catalogue, OverhangingBox
from src.data.datasets.object_cxr import ObjectCxrReader, PolygonBoxes
from src.data.image_io import read_image
from src.data.outlines import Ellipse, Polygon, Rectangle
from src.data.published_polygon_box import published_box
from src.data.store.pack_image import pack_image
from src.data.store.recipe import Recipe
from tests.trees import object_cxr as tree


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("object") / "below"
    tree.make(root)
    return root


@pytest.fixture
def spoilt(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "raw")
    return tmp_path / "raw"


def read(root: Path, polygon_boxes: PolygonBoxes = "tight") -> Catalogue:
    return ObjectCxrReader(root=str(root), polygon_boxes=polygon_boxes).read()


def test_labels_splits_and_files(made: Path) -> None:
    catalogue = read(made.parent)
    assert catalogue.root == made
    assert [entry.split for entry in catalogue.entries] == ["train"] * 24 + ["dev"] * 8
    assert catalogue.label_NF[:, 0].tolist() == [1, 1, 0, 0] * 8
    assert all((made / entry.file).is_file() for entry in catalogue.entries)
    assert catalogue.entries[0].file == "train/00001.JPG"
    assert catalogue.entries[24].image_id == "dev/00025"
    assert [entry.row for entry in catalogue.entries] == [*range(1, 25), *range(1, 9)]
    assert "no version known: 24 train and 8 dev images" in catalogue.version


def test_shapes_lie_where_the_picture_has_them(made: Path) -> None:
    catalogue = read(made)
    kinds = set()
    for entry in catalogue.entries:
        assert len(entry.boxes) == len(entry.masks)
        image_HW = read_image(made / entry.file, dicom_scale="maximum")
        for box, mask in zip(entry.boxes, entry.masks, strict=True):
            kinds.add(type(mask.outline))
            mask_HW = mask.outline.draw(*image_HW.shape)
            rows, columns = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
            assert np.abs(np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) - box[1:5]).max() <= 1.5
            assert np.mean(image_HW[mask_HW] > 220) > 0.9
    assert kinds == {Rectangle, Ellipse, Polygon}


def test_published_boxes_of_polygons_alone_are_larger(made: Path) -> None:
    tight, published = (read(made, which).entries for which in ("tight", "published"))
    seen = 0
    for one, other in zip(tight, published, strict=True):
        assert one.masks == other.masks
        for box, large, mask in zip(one.boxes, other.boxes, one.masks, strict=True):
            if isinstance(mask.outline, Polygon):
                seen += 1
                assert isinstance(large, OverhangingBox)
                assert large[1:5] == published_box(mask.outline.corners)
            else:
                assert box == large
    assert seen > 3


def test_a_published_box_is_cut_at_the_edge_of_its_image(spoilt: Path, tmp_path: Path) -> None:
    path = spoilt / "dev.csv"
    lines = path.read_text().splitlines()
    # a hook along the left edge, whose pole lies far to its right
    lines[1] = lines[1].partition(",")[0] + ",2 0 40 60 40 60 44 3 44 3 100 0 100"
    path.write_text("\n".join(lines))
    catalogue = read(spoilt, "published")
    entry = catalogue.entries[24]
    assert entry.boxes[0].left < -0.01 * 128 or entry.boxes[0].top < 0 or entry.boxes[0].bottom > 100
    recipe = Recipe(resize="stretch", size=32, pad=False, codec="raw", dicom_scale="maximum")
    row = pack_image(entry, [1.0], root=catalogue.root, report_root=None, recipe=recipe)
    assert row["problem"] == ""
    (box,) = row["boxes"]
    assert 0 <= box["left"] < box["right"] <= row["width"]
    assert 0 <= box["top"] < box["bottom"] <= row["height"]


def test_the_older_release_holds_paths(spoilt: Path) -> None:
    newer = read(spoilt)
    for split in ("train", "dev"):
        path = spoilt / f"{split}.csv"
        lines = path.read_text().splitlines()
        path.write_text("\n".join(["image_path,annotation", *(f"/data/{split}/{line}" for line in lines[1:])]))
    assert read(spoilt).entries == newer.entries


def test_a_missing_image_stays(spoilt: Path) -> None:
    (spoilt / "train/00002.jpg").unlink()
    assert read(spoilt).entries[1].file == "train/00002.jpg"


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ("0 10 10 20", "has 3 numbers"),
        ("1 10 10 20 20 30", "has 5 numbers"),
        ("0 20 10 10 20", "no area"),
        ("1 10 20 20 20", "no area"),
        ("2 1 1 9 9 5", "has 5 numbers"),
        ("2 1 1 9 9", "has 4 numbers"),
        ("2 1 1 5 5 9 1 x 3", "no number"),
        ("0 nan 1 2 3", "no number"),
        ("3 1 1 2 2", "type must be 0"),
        ("rect 1 1 2 2", "type must be 0"),
    ],
)
def test_a_shape_that_is_none_names_file_row_and_column(spoilt: Path, annotation: str, words: str) -> None:
    path = spoilt / "dev.csv"
    lines = path.read_text().splitlines()
    lines[3] = f"00027.jpg,0 1 1 5 5;{annotation}"
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=rf"dev\.csv, row 3, column 'annotation': .*{words}"):
        read(spoilt)


def test_rows_that_repeat_or_lack_a_name(spoilt: Path) -> None:
    path = spoilt / "train.csv"
    text = path.read_text()
    path.write_text(text + "00003.jpg,\n00004.jpg,\n")
    with pytest.raises(
        UserError, match=r"train\.csv, row 25, column 'image_name': 2 row\(s\) name the image of an earlier"
    ):
        read(spoilt)
    path.write_text(text + ",0 1 1 5 5\n")
    with pytest.raises(UserError, match=r"1 row\(s\) without a value in the column 'image_name', the first is row 25"):
        read(spoilt)


def test_an_incomplete_tree_and_a_renamed_column(spoilt: Path) -> None:
    (spoilt / "train.csv").write_text((spoilt / "train.csv").read_text().replace("image_name", "picture"))
    with pytest.raises(UserError, match=r"train\.csv has no column 'image_name'"):
        read(spoilt)
    (spoilt / "dev.csv").unlink()
    with pytest.raises(UserError, match=r"looked for train\.csv, dev\.csv"):
        read(spoilt)
