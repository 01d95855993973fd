"""RSNA stage 2: the made tree, what is refused, and the real table of labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from src.core.errors import UserError
from src.data.catalogue import Catalogue
from src.data.split_rules import Images
from tests.trees import rsna

CONF = Path(__file__).resolve().parents[3] / "conf"
TABLE = "stage_2_train_labels.csv"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rsna")
    rsna.make(root, count=12)
    return root


@pytest.fixture
def bare(tmp_path: Path) -> Callable[[str], Path]:
    """Called with the rows of the table below its header; a folder without images."""

    def write(rows: str, name: str = TABLE) -> Path:
        (tmp_path / "stage_2_train_images").mkdir()
        (tmp_path / name).write_text(f"patientId,x,y,width,height,Target\n{rows}", encoding="utf-8")
        return tmp_path

    return write


def _read(root: Path) -> Catalogue:
    reader = instantiate(OmegaConf.load(CONF / "dataset/rsna.yaml").reader, root=str(root))
    catalogue: Catalogue = reader.read()
    return catalogue


def _images(catalogue: Catalogue) -> Images:
    entries = catalogue.entries
    return Images(
        [e.image_id for e in entries],
        np.arange(len(entries)),
        np.array([e.split for e in entries]),
        catalogue.label_NF,
        catalogue.finding_names,
    )


def test_one_entry_a_patient_sorted_with_every_box(tree: Path) -> None:
    catalogue = _read(tree.parent / tree.name)
    table = pd.read_csv(tree / TABLE)
    assert [e.patient for e in catalogue.entries] == sorted(set(table["patientId"]))
    assert len({len(e.boxes) for e in catalogue.entries}) > 2
    for entry, label in zip(catalogue.entries, catalogue.label_NF[:, 0], strict=True):
        own = table[table["patientId"] == entry.patient]
        assert label == own["Target"].max()
        assert entry.row == own.index[0] + 1
        assert [(b.left, b.top, b.right - b.left, b.bottom - b.top, b.row) for b in entry.boxes] == [
            (row.x, row.y, row.width, row.height, row.Index + 1) for row in own.itertuples() if row.Target
        ]
        assert (catalogue.root / entry.file).is_file()
    assert any(e.file.endswith(".DCM") for e in catalogue.entries)


def test_a_missing_image_stays_in_the_catalogue(bare: Callable[..., Path]) -> None:
    catalogue = _read(bare("b,1,2,3.5,4,1\na,,,,,0\nb,9,9,1,1,1\n"))
    assert [e.file for e in catalogue.entries] == ["stage_2_train_images/a.dcm", "stage_2_train_images/b.dcm"]
    assert [tuple(box) for box in catalogue.entries[1].boxes] == [(0, 1, 2, 4.5, 6, 1), (0, 9, 9, 10, 10, 3)]
    assert catalogue.version == "no version known: 2 patients and 2 boxes, stage 2 has 26,684 and 9,555"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,,,,,0\nb,1,2,3,,1\n", r"row 2, column 'height': 1 row\(s\) have target 1 and no whole box"),
        ("a,1,2,3,4,0\n", "row 1, column 'x': .* have target 0 and a box"),
        ("a,-1,2,3,4,1\n", "row 1, column 'x': .* outside the picture"),
        ("a,1,2,0,4,1\nb,1,2,-3,4,1\n", r"row 1, column 'width': 2 row\(s\) have a box of no area"),
        ("a,1,two,3,4,1\n", "row 1, column 'y': .* hold no number"),
        ("a,,,,,2\n", "row 1, column 'Target'"),
        ("a,,,,,\n", "row 1, column 'Target': .* neither 0 nor 1"),
        ("a,1,2,3,4,1\na,1,2,3,4,1\n", "row 2, column 'patientId': .* repeat"),
        ("a,1,2,3,4,1\na,,,,,0\n", r"row 1, column 'Target': 2 row\(s\) belong to patients"),
        (",1,2,3,4,1\n", "without a value in the column 'patientId'"),
    ],
)
def test_a_row_that_cannot_be_right_is_named(bare: Callable[..., Path], rows: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        _read(bare(rows))


def test_stage_one_and_incomplete_trees_are_refused(bare: Callable[..., Path], tree: Path, tmp_path: Path) -> None:
    root = bare("a,,,,,0\n", "stage_1_train_labels.csv")
    with pytest.raises(UserError, match="holds stage 1"):
        _read(root)
    (root / "stage_1_train_labels.csv").unlink()
    with pytest.raises(UserError, match="is not complete: looked for stage_2_train_labels"):
        _read(root)
    pd.read_csv(tree / TABLE).rename(columns={"width": "widht"}).to_csv(root / TABLE, index=False)
    with pytest.raises(UserError, match="no column 'width'; the nearest is 'widht'"):
        _read(root)
    (root / TABLE).write_bytes((tree / TABLE).read_bytes())
    (root / "stage_2_train_images").rmdir()
    with pytest.raises(UserError, match="there is no folder stage_2_train_images"):
        _read(root)


def test_detailed_classes_are_counted_and_held_against_the_targets(bare: Callable[..., Path]) -> None:
    root = bare("a,,,,,0\nb,1,2,3,4,1\nc,,,,,0\n")
    classes = root / "stage_2_detailed_class_info.csv"
    classes.write_text("patientId,class\na,Normal\nb,Lung Opacity\n", encoding="utf-8")
    notes = _read(root).notes
    assert "1 Normal, 0 No Lung Opacity / Not Normal, 1 Lung Opacity" in notes[0]
    assert "lacks 1 patient" in notes[1]
    classes.write_text("patientId,class\na,Normal\nb,Normal\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"row 2, column 'class': .* contradict the targets"):
        _read(root)
    classes.write_text("patientId,class\na,Healthy\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"row 1, column 'class': .* hold none of"):
        _read(root)


def test_the_real_table(shared_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "stage_2_train_images").mkdir()
    (tmp_path / f"{TABLE}.zip").symlink_to(shared_dir / "data/labels/kaggle_stage_2_train_labels.csv.zip")
    catalogue = _read(tmp_path)
    assert (len(catalogue.entries), sum(len(e.boxes) for e in catalogue.entries)) == (26_684, 9_555)
    assert catalogue.version == "stage 2: 26,684 patients, 9,555 boxes"
    patients = [e.patient for e in catalogue.entries]
    assert patients == sorted(patients)
    assert int(catalogue.label_NF.sum()) == 6_012

    rules = {
        name: OmegaConf.merge(
            OmegaConf.load(CONF / "dataset/rsna.yaml").split, OmegaConf.load(CONF / f"dataset/{name}.yaml").split
        )
        for name in ("rsna", "rsna_detection")
    }
    images = _images(catalogue)
    sizes = {name: [len(part) for part in instantiate(rule).assign(images).values()] for name, rule in rules.items()}
    assert sizes == {"rsna": [18_678, 4_003, 4_003], "rsna_detection": [16_010, 5_337, 5_337]}


def test_the_published_split(tree: Path) -> None:
    """Test first and validation last of the held-out patients, as scikit-learn's train_test_split deals them twice."""
    catalogue = _read(tree)
    order_N = np.random.RandomState(0).permutation(12)
    held_out, train = order_N[:4], order_N[4:]
    order_M = np.random.RandomState(0).permutation(4)
    val, test = held_out[order_M[:2]], held_out[order_M[2:]]
    ours = instantiate(OmegaConf.load(CONF / "dataset/rsna.yaml").split).assign(_images(catalogue))
    for split, wanted in (("train", train), ("val", val), ("test", test)):
        np.testing.assert_array_equal(ours[split], np.sort(wanted))
