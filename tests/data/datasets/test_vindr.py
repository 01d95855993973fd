"""VinDr-CXR: readers who do not agree, boxes of all of them, and tables that are not whole."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.core.errors import UserError
from src.data.catalogue import Catalogue
from src.data.datasets.vindr import FINDINGS, LOCAL, VinDrReader
from src.data.image_io import read_image
from tests.trees import nih
from tests.trees import vindr as tree


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("vindr") / "physionet.org/files/vindr-cxr/1.0.0"
    tree.make(root)
    return root


@pytest.fixture
def spoilt(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "raw")
    return tmp_path / "raw"


def read(root: Path, agreement: int = 2) -> Catalogue:
    return VinDrReader(root=str(root), agreement=agreement).read()


def votes(root: Path) -> pd.DataFrame:
    frame = pd.read_csv(root / "annotations/image_labels_train.csv")
    return frame.groupby("image_id", sort=False)[list(FINDINGS)].sum()


@pytest.mark.parametrize("agreement", [1, 2, 3])
def test_a_finding_is_present_where_enough_readers_say_so(made: Path, agreement: int) -> None:
    catalogue = read(made, agreement)
    np.testing.assert_array_equal(catalogue.label_NF[:24], votes(made) >= agreement)
    assert len(FINDINGS) == 28
    # one reader alone decides
    consensus = pd.read_csv(made / "annotations/image_labels_test.csv")
    np.testing.assert_array_equal(catalogue.label_NF[24:], consensus[consensus.columns[1:]])


def test_boxes_of_all_readers_of_what_is_present(made: Path) -> None:
    catalogue = read(made)
    frame = pd.read_csv(made / "annotations/annotations_train.csv")
    voted = votes(made)
    agreed = [row for row in frame.itertuples() if pd.notna(row.x_min) and voted.loc[row.image_id, row.class_name] >= 2]
    boxes = {(entry.image_id, box.row): box for entry in catalogue.entries[:24] for box in entry.boxes}
    assert {row.Index + 1 for row in agreed} == {row for _, row in boxes}
    for row in agreed:
        box = boxes[row.image_id, row.Index + 1]
        assert FINDINGS[box.finding] == row.class_name
        np.testing.assert_allclose(box[1:5], row[4:8])
    assert 0 < len(agreed) < frame["x_min"].notna().sum()
    assert catalogue.notes == (
        f"{frame['x_min'].notna().sum() - len(agreed)} box(es) are left out: fewer than 2 readers saw their finding.",
    )
    assert not read(made, 1).notes


def test_images_splits_and_rows(made: Path) -> None:
    catalogue = read(made.parents[3])
    assert catalogue.root == made
    assert [entry.split for entry in catalogue.entries] == ["train"] * 24 + ["test"] * 8
    assert [entry.row for entry in catalogue.entries] == [*range(1, 73, 3), *range(1, 9)]
    assert all((made / entry.file).is_file() for entry in catalogue.entries)
    assert {Path(entry.file).suffix for entry in catalogue.entries} == {".dicom", ".DICOM"}
    image_HW = read_image(made / catalogue.entries[0].file, dicom_scale="window")
    assert image_HW.shape == (tree.SIZE, tree.SIZE)
    assert "no version known: 24 train and 8 test images; 1.0.0 has 15,000 and 3,000" in catalogue.version


def change(root: Path, table: str, row: int, column: str, value: object) -> None:
    path = root / f"annotations/{table}.csv"
    frame = pd.read_csv(path).astype(object)
    frame.loc[row - 1, column] = value
    frame.to_csv(path, index=False)


def boxed_row(root: Path) -> int:
    frame = pd.read_csv(root / "annotations/annotations_train.csv")
    return int(np.flatnonzero(frame["x_min"].notna())[1]) + 1


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("x_max", -5, r"column 'x_max': 1 row\(s\) hold a box of no area"),
        ("y_min", None, r"column 'y_min': 1 row\(s\) hold half a box"),
        ("y_max", "low", r"column 'y_max': 1 row\(s\) hold no number"),
        ("class_name", "Smudge", r"column 'class_name': 1 row\(s\) hold no finding"),
        ("image_id", "nobody", r"column 'image_id': 1 row\(s\) hold an image that the table of labels lacks"),
    ],
)
def test_a_bad_annotation_names_its_row(spoilt: Path, column: str, value: object, words: str) -> None:
    row = boxed_row(spoilt)
    change(spoilt, "annotations_train", row, column, value)
    with pytest.raises(UserError, match=rf"annotations_train\.csv, row {row}, {words}"):
        read(spoilt)


@pytest.mark.parametrize(
    ("table", "column", "value", "words"),
    [
        ("image_labels_train", "Edema", 2, r"image_labels_train\.csv, row 5, column 'Edema': a label must be"),
        (
            "image_labels_test",
            "Edema",
            None,
            r"image_labels_test\.csv, row 5, column 'Edema': 1 row\(s\) hold neither 0",
        ),
        ("image_labels_train", "rad_id", "R8", r"row 5, column 'image_id': 1 row\(s\) repeat"),
    ],
)
def test_a_bad_label_names_row_and_column(spoilt: Path, table: str, column: str, value: object, words: str) -> None:
    change(spoilt, table, 5, column, value)
    with pytest.raises(UserError, match=words):
        read(spoilt)


def test_a_renamed_column_and_an_agreement_of_none(spoilt: Path) -> None:
    with pytest.raises(UserError, match=r"reader\.agreement=0"):
        read(spoilt, 0)
    path = spoilt / "annotations/image_labels_test.csv"
    path.write_text(path.read_text().replace(LOCAL[-1], "Rest"))
    with pytest.raises(UserError, match=rf"image_labels_test\.csv has no column '{LOCAL[-1]}'"):
        read(spoilt)


def test_another_data_set_is_called_by_its_name(tmp_path: Path) -> None:
    nih.make(tmp_path, count=3)
    with pytest.raises(UserError, match=r"looks like another data set, NIH ChestX-ray14"):
        read(tmp_path)


def test_the_challenge_of_kaggle_is_another_edition(tmp_path: Path) -> None:
    header = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"
    (tmp_path / "train.csv").write_text(f"{header}\na,No finding,14,R11,,,,\n")
    with pytest.raises(UserError, match=r"VinBigData challenge of Kaggle.*physionet"):
        read(tmp_path)
