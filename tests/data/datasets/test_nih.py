"""NIH ChestX-ray14 as a made tree, and the real small images written in the owner's layout."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.core.errors import UserError
from src.data.catalogue import Catalogue
from src.data.datasets.nih import FINDINGS, NihReader
from tests.trees import nih as tree


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("nih")
    tree.make(root)
    return root


@pytest.fixture
def spoilt(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "raw")
    return tmp_path / "raw"


def read(root: Path) -> Catalogue:
    return NihReader(root=str(root)).read()


def test_labels_patients_splits_and_files(made: Path) -> None:
    catalogue = read(made)
    table = tree.phantom_table(32, 0)
    for position, entry in enumerate(catalogue.entries):
        present = {tree.NAMES[f.name] for f in table.study(position).findings if f.name in tree.NAMES}
        assert {FINDINGS[n] for n in np.flatnonzero(catalogue.label_NF[position])} == present
        assert entry.patient == str(position // 3 + 1)
        assert entry.split == ("test" if position // 3 % 3 == 2 else "train_val")
        assert (made / entry.file).is_file()
    assert catalogue.entries[0].file == "images_001/images/00000001_000.PNG"
    assert catalogue.entries[1].image_id == "00000001_001"
    assert {entry.view for entry in catalogue.entries} == {"PA", "AP"}
    assert "no version known: 32 images, 11 patients" in catalogue.version


def test_boxes_are_those_of_the_picture(made: Path) -> None:
    catalogue = read(made)
    table = tree.phantom_table(32, 0)
    boxes = [box for entry in catalogue.entries for box in entry.boxes]
    assert [box.row for box in boxes] == list(range(1, len(boxes) + 1))
    for position in (0, 5, 31):
        wanted = {FINDINGS.index(tree.NAMES[n]): box for n, box in table.boxes(position) if n in tree.NAMES}
        found = {box.finding: box[1:5] for box in catalogue.entries[position].boxes}
        assert found.keys() == wanted.keys()
        for finding, box in found.items():
            np.testing.assert_allclose(box, wanted[finding], atol=1e-4)
    assert any(box.finding == FINDINGS.index("Infiltration") for box in boxes)


def test_flat_images_and_the_table_of_2020(spoilt: Path) -> None:
    (spoilt / "images").mkdir()
    for path in sorted(spoilt.glob("images_*/images/*")):
        path.rename(spoilt / "images" / path.name)
    text = (spoilt / "Data_Entry_2017.csv").read_text()
    header, *rows = text.replace("Patient Gender", "Patient Sex").splitlines()
    (spoilt / "Data_Entry_2017_v2020.csv").write_text(
        "\n".join([header.rstrip(","), *(row.rstrip(",") for row in rows)])
    )
    (spoilt / "Data_Entry_2017.csv").unlink()
    catalogue = read(spoilt)
    assert catalogue.entries[3].file == "images/00000002_000.png"
    assert len(catalogue.entries) == 32


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("Data_Entry_2017.csv", "Patient ID", "Patient", r"Data_Entry_2017\.csv has no column 'Patient ID'"),
        ("Data_Entry_2017.csv", "No Finding", "Healthy", r"column 'Finding Labels': 1 row\(s\) hold no finding"),
        ("Data_Entry_2017.csv", "No Finding", "No Finding|Mass", r"hold 'No Finding' beside a finding"),
        (
            "Data_Entry_2017.csv",
            "00000001_001.png",
            "00000001_000.png",
            r"row 2, column 'Image Index': 1 row\(s\) repeat",
        ),
        (
            "train_val_list.txt",
            "00000001_001.png\n",
            "",
            r"row 2, column 'Image Index': 1 row\(s\) hold an image that neither",
        ),
        ("test_list.txt", "00000003_000.png", "00000001_000.png", r"test_list\.txt names 1 image\(s\) that it"),
        ("BBox_List_2017.csv", "Bbox [x", "x", r"BBox_List_2017\.csv has no column 'Bbox \[x'"),
        ("BBox_List_2017.csv", "00000001_000.png", "00000099_000.png", r"row 1, column 'Image Index': .* lacks"),
        ("BBox_List_2017.csv", "Infiltrate", "Infiltrates", r"column 'Finding Label': 1 row\(s\) hold no finding"),
    ],
)
def test_a_bad_table_is_named_with_row_and_column(spoilt: Path, file: str, old: str, new: str, words: str) -> None:
    text = (spoilt / file).read_text()
    assert old in text
    (spoilt / file).write_text(text.replace(old, new, 1))
    with pytest.raises(UserError, match=words):
        read(spoilt)


@pytest.mark.parametrize(
    ("cell", "value", "words"),
    [
        (4, "0", "column 'w': 1 row.* no area"),
        (5, "-3", r"column 'h\]': 1 row.* no area"),
        (3, "", "column 'y': .*half a box"),
        (2, "far", r"column 'Bbox \[x': 1 row.* hold no number"),
    ],
)
def test_a_bad_box_names_its_row(spoilt: Path, cell: int, value: str, words: str) -> None:
    path = spoilt / "BBox_List_2017.csv"
    lines = path.read_text().splitlines()
    cells = lines[2].split(",")
    cells[cell] = value
    lines[2] = ",".join(cells)
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=rf"BBox_List_2017\.csv, row 2, {words}"):
        read(spoilt)


def test_an_incomplete_tree(spoilt: Path) -> None:
    (spoilt / "test_list.txt").unlink()
    with pytest.raises(UserError, match=r"looked for .*test_list\*\.txt in .*nihcc"):
        read(spoilt)


def test_real_images_in_the_owners_layout(shared_dir: Path, tmp_path: Path) -> None:
    real = pd.read_csv(shared_dir / "data/nih64/labels.csv", dtype=str)
    folder = tmp_path / "images_001/images"
    folder.mkdir(parents=True)
    for file in real["file"]:
        (folder / Path(file).name).symlink_to(shared_dir / "data/nih64" / file)
    rows = [
        f"{row.image_index},{row.finding_labels},0,{row.patient},{row.age},{row.sex},{row.view},64,64,0.143,0.143,"
        for row in real.itertuples()
    ]
    (tmp_path / "Data_Entry_2017.csv").write_text("\n".join([tree.HEADER, *rows]))
    (tmp_path / "BBox_List_2017.csv").write_text(
        f"{tree.BOX_HEADER}\n{real['image_index'][0]},Infiltrate,2.5,3,10,12,,,\n"
    )
    for name, split in (("train_val", "train"), ("test", "val")):
        (tmp_path / f"{name}_list.txt").write_text("\n".join(real["image_index"][real["split"] == split]))
    catalogue = read(tmp_path)
    assert len(catalogue.entries) == 819
    assert all((tmp_path / entry.file).is_file() for entry in catalogue.entries)
    counted = Counter(name for labels in real["finding_labels"] for name in labels.split("|"))
    for position, name in enumerate(FINDINGS):
        assert catalogue.label_NF[:, position].sum() == counted[name]
    assert (catalogue.label_NF.sum(axis=1) == 0).sum() == counted["No Finding"]
    assert len({entry.patient for entry in catalogue.entries}) == real["patient"].nunique()
