"""COVIDx: the made tree, the versions of its lists, lines with spaces, and what is refused."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from src.core.errors import UserError
from src.data.catalogue import Catalogue
from src.data.split_rules import Images, count_leaks
from tests.trees import covidx

CONF = Path(__file__).resolve().parents[3] / "conf"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("covidx")
    covidx.make(root)
    return root


@pytest.fixture
def bare(tmp_path: Path) -> Callable[..., Path]:
    """Called with the text of lists by file name; a folder with them and empty folders of images."""

    def write(**lists: str) -> Path:
        for name, text in lists.items():
            (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
        for split in ("train", "val", "test"):
            (tmp_path / split).mkdir(exist_ok=True)
        return tmp_path

    return write


def _read(root: Path, **changes: Any) -> Catalogue:
    reader = instantiate(OmegaConf.load(CONF / "dataset/covidx.yaml").reader, root=str(root), **changes)
    catalogue: Catalogue = reader.read()
    return catalogue


def test_the_tree_and_its_split(tree: Path) -> None:
    catalogue = _read(tree)
    assert len(catalogue.entries) == 32
    assert catalogue.finding_names == ("normal", "pneumonia", "COVID-19")
    np.testing.assert_array_equal(catalogue.label_NF.sum(axis=1), 1)
    assert all((catalogue.root / e.file).is_file() for e in catalogue.entries)
    assert any(" " in e.image_id and e.file.endswith(".JPEG") for e in catalogue.entries)
    patients = [e.patient for e in catalogue.entries]
    assert "ANON 0" in patients
    assert catalogue.version.startswith("COVIDx6: 32 images of ")
    splits = np.array([e.split for e in catalogue.entries])
    for split in ("train", "test"):
        assert catalogue.label_NF[splits == split].any(axis=0).all()

    images = Images(
        [e.image_id for e in catalogue.entries],
        np.unique(patients, return_inverse=True)[1],
        splits,
        catalogue.label_NF,
        catalogue.finding_names,
    )
    positions = instantiate(OmegaConf.load(CONF / "dataset/covidx.yaml").split).assign(images)
    assert [len(positions[split]) for split in ("train", "val", "test")] == [19, 5, 8]
    assert count_leaks(positions, images.patient_N) == 0


def test_three_classes_read_as_two(tree: Path) -> None:
    three, two = _read(tree), _read(tree, classes=2)
    assert two.finding_names == ("negative", "positive")
    np.testing.assert_array_equal(two.label_NF[:, 1], three.label_NF[:, 2])
    np.testing.assert_array_equal(two.label_NF.sum(axis=1), 1)


def test_two_classes_cannot_be_read_as_three(bare: Callable[..., Path]) -> None:
    root = bare(
        train_COVIDx8B="1 a.png negative cohen\n2 b.png positive ricord\n", test_COVIDx8B="3 c.png negative x\n"
    )
    with pytest.raises(UserError, match="version COVIDx8B know negative and positive, not three classes"):
        _read(root)
    assert _read(root, classes=2).label_NF.tolist() == [[1, 0], [0, 1], [1, 0]]


def test_several_versions_must_be_chosen_from(bare: Callable[..., Path]) -> None:
    lists = {
        f"{split}_COVIDx{v}": f"1{split} {split}.png normal x\n"
        for v in ("5", "_CXR-3A")
        for split in ("train", "test")
    }
    root = bare(**lists, train_COVIDxSev="1 a.png level1 x\n", train_COVIDx4="1 a.png normal\n")
    with pytest.raises(UserError, match=r"choose dataset.reader.version of those in .*: COVIDx5, COVIDx_CXR-3A$"):
        _read(root)
    assert _read(root, version="COVIDx_CXR-3A").version.startswith("COVIDx_CXR-3A: 2 images")
    with pytest.raises(UserError, match=r"no dataset.reader.version=COVIDx4"):
        _read(root, version="COVIDx4")


def test_plain_lists_with_their_own_val(bare: Callable[..., Path]) -> None:
    root = bare(train="1 a.png negative x\n", val="2 b.png positive x\n", test="3 c.png negative x\n")
    catalogue = _read(root, classes=2)
    assert [e.split for e in catalogue.entries] == ["train", "val", "test"]
    assert [e.file for e in catalogue.entries] == ["train/a.png", "val/b.png", "test/c.png"]
    assert catalogue.version.startswith("kaggle: 3 images of 3 patients, 2 negative, 1 positive")


def test_lines_old_and_with_spaces(bare: Callable[..., Path]) -> None:
    lines = (
        "3 COVID-19.jpeg pneumonia",
        "COVID 19 COVID-19 case 4.png COVID-19 sirm",
        "ANON 5 not there.jpg normal actmed",
        "",
        "6 b.PNG covid-19 cohen",
    )
    root = bare(train_COVIDx2="\n".join(lines), test_COVIDx2="7 c.JPG normal\n")
    (root / "train/COVID-19 case 4.png").touch()
    entries = _read(root).entries
    assert [(e.patient, e.file, e.row) for e in entries] == [
        ("3", "train/COVID-19.jpeg", 1),
        ("COVID 19", "train/COVID-19 case 4.png", 2),
        ("ANON 5 not", "train/there.jpg", 3),
        ("6", "train/b.PNG", 5),
        ("7", "test/c.JPG", 1),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 b.png level1 x", "line 2: 1 line"),
        ("2 b.gif normal x", "line 2: 1 line"),
        ("b.png normal", "line 2: 1 line"),
        ("2 a.png normal x", "line 2: the file is also in line 1 of train_COVIDx6.txt"),
        ("1 a.png pneumonia x", "line 2: the file is also in line 1"),
        ("2 c.png normal x", "line 1: the file is also in line 2 of train_COVIDx6.txt"),
    ],
)
def test_a_line_that_cannot_be_right_is_named(bare: Callable[..., Path], line: str, message: str) -> None:
    root = bare(train_COVIDx6=f"1 a.png normal x\n{line}\n", test_COVIDx6="3 c.png normal x\n")
    with pytest.raises(UserError, match=message):
        _read(root)


def test_patients_who_are_held_out_leave_train(bare: Callable[..., Path]) -> None:
    root = bare(
        train_COVIDx6="1 a.png normal x\n9 b.png normal x\n2 d.png normal x\n2 d.png normal x\n",
        test_COVIDx6="9 c.png COVID-19 x\n",
    )
    catalogue = _read(root)
    assert [e.image_id for e in catalogue.entries] == ["a.png", "d.png", "c.png"]
    assert [note[:1] for note in catalogue.notes] == ["1", "1"]
    assert "are left out" in catalogue.notes[1]


def test_incomplete_trees_are_refused(tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(tree / "labels", root / "labels")
    with pytest.raises(UserError, match="no folders train and test of images"):
        _read(root)
    (root / "labels/test_COVIDx6.txt").unlink()
    with pytest.raises(UserError, match=r"is not complete: looked for train\*.txt, test\*.txt"):
        _read(root)
