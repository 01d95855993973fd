"""CheXpert: the made tree, the layouts of the full download, what is refused, and the split."""

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
from src.data.datasets.chexpert import COMPETITION, FINDINGS, ChexpertSplit
from src.data.split_rules import Images, count_leaks
from tests.trees import chexpert

CONF = Path(__file__).resolve().parents[3] / "conf"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    chexpert.make(tmp_path)
    return tmp_path


def _read(root: Path, **changes: Any) -> Catalogue:
    reader = instantiate(OmegaConf.load(CONF / "dataset/chexpert.yaml").reader, root=str(root), **changes)
    catalogue: Catalogue = reader.read()
    return catalogue


def _images(catalogue: Catalogue) -> Images:
    patient_N = np.unique([e.patient for e in catalogue.entries], return_inverse=True)[1]
    return Images(
        [e.image_id for e in catalogue.entries],
        patient_N,
        np.array([e.split for e in catalogue.entries]),
        catalogue.label_NF,
        catalogue.finding_names,
    )


def test_frontal_images_with_all_labels_as_written(tree: Path) -> None:
    catalogue = _read(tree)
    assert catalogue.finding_names == FINDINGS
    assert [e.split for e in catalogue.entries].count("train") == 24
    assert {e.view for e in catalogue.entries} == {"Frontal"}
    tables = {split: pd.read_csv(tree / chexpert.NAME / f"{split}.csv") for split in ("train", "valid")}
    for entry, label_F in zip(catalogue.entries, catalogue.label_NF, strict=True):
        row = tables[entry.split].iloc[entry.row - 1]
        assert row["Path"] == f"{chexpert.NAME}/{entry.file}"
        np.testing.assert_array_equal(label_F, row[list(FINDINGS)].to_numpy(dtype=np.float32))
        assert entry.patient in entry.file
        assert (catalogue.root / entry.file).is_file()
    train = np.array([e.split == "train" for e in catalogue.entries])
    assert (catalogue.label_NF[train] == -1).any()
    assert np.isnan(catalogue.label_NF[train]).any()
    assert not (catalogue.label_NF[~train] == -1).any()


def test_lateral_views_on_request(tree: Path) -> None:
    entries = _read(tree, views=["Frontal", "Lateral"]).entries
    assert len(entries) == 40
    assert sum(e.view == "Lateral" for e in entries) == 8


def test_the_folder_by_another_name_and_a_test_set(tree: Path) -> None:
    folder = tree / "chexpert"
    (tree / chexpert.NAME).rename(folder)
    labels = pd.DataFrame(
        {"Path": ["CheXpert-v1.0/test/patient64741/study1/view1_frontal.jpg"], **dict.fromkeys(FINDINGS, 0)}
    )
    labels.to_csv(folder / "test_labels.csv", index=False)
    for root in (tree, folder):
        catalogue = _read(root)
        assert catalogue.entries[-1].file == "test/patient64741/study1/view1_frontal.jpg"
        assert catalogue.entries[-1].split == "test"
        assert all((catalogue.root / e.file).is_file() for e in catalogue.entries[:-1])


def test_the_batches_of_the_full_download(tree: Path) -> None:
    (tree / chexpert.NAME).rename(tree / "CheXpert-v1.0 batch 1 (validate & csv)")
    patients = sorted((tree / "CheXpert-v1.0 batch 1 (validate & csv)/train").iterdir())
    for number, patient in enumerate(patients):
        batch = tree / f"CheXpert-v1.0 batch {2 + number % 2} (train {1 + number % 2})"
        batch.mkdir(exist_ok=True)
        patient.rename(batch / patient.name)
    (tree / "CheXpert-v1.0 batch 1 (validate & csv)/train").rmdir()
    catalogue = _read(tree)
    assert len(catalogue.entries) == 32
    assert all((catalogue.root / e.file).is_file() for e in catalogue.entries)
    assert catalogue.entries[0].image_id == "train/patient00009/study1/view1_frontal"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(Edema=2), "row 1, column 'Edema'"),
        (lambda t: t.assign(Path=t["Path"].str.replace("train/", "valid/")), "row 1, column 'Path': 32 row"),
        (lambda t: t.assign(Path=t["Path"].str.replace(".jpg", ".png")), "row 1, column 'Path': 32 row"),
        (lambda t: pd.concat([t, t.iloc[:2]]), r"row 33, column 'Path': 2 row\(s\) repeat"),
        (lambda t: t.assign(**{"Frontal/Lateral": "Front"}), "row 1, column 'Frontal/Lateral'"),
        (lambda t: t.rename(columns={"Edema": "Oedema"}), "no column 'Edema'; the nearest is 'Oedema'"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(
    tree: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    path = tree / chexpert.NAME / "train.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)
    with pytest.raises(UserError, match=message):
        _read(tree)


def test_incomplete_trees_are_refused(tree: Path) -> None:
    (tree / chexpert.NAME / "train").rename(tree / "elsewhere")
    with pytest.raises(UserError, match="there is no folder train of images"):
        _read(tree)
    (tree / chexpert.NAME / "valid.csv").unlink()
    with pytest.raises(UserError, match=r"is not complete: looked for train.csv, valid.csv"):
        _read(tree)


def test_the_version_is_told_by_the_rows(tree: Path) -> None:
    assert _read(tree).version == ("no version known: 32 train, 8 valid images; v1.0 has 223,414 train and 234 valid")
    for split, rows in (("train", 223_414), ("valid", 234)):
        path = tree / chexpert.NAME / f"{split}.csv"
        first = pd.read_csv(path).iloc[:1]
        table = first.loc[first.index.repeat(rows)].reset_index(drop=True)
        numbers = (np.arange(rows) + 1).astype(str)
        table["Path"] = [f"{chexpert.NAME}/{split}/patient{n:0>5}/study1/view1_frontal.jpg" for n in numbers]
        table.to_csv(path, index=False)
    catalogue = _read(tree)
    assert catalogue.version == "v1.0-small: 223,414 train, 234 valid images"
    assert len(catalogue.entries) == 223_648


def _drawn(images: Images, **changes: Any) -> dict[str, np.ndarray]:
    configured = {"per_class": 1, "val_images": 5, "seed": 0, "test": "official", **changes}
    return dict(ChexpertSplit(**configured).assign(images))


def test_five_times_alone_and_no_patient_on_two_sides(tree: Path) -> None:
    images = _images(_read(tree))
    official, five = _drawn(images), _drawn(images, test="5x200")
    for split in ("train", "val"):
        np.testing.assert_array_equal(official[split], five[split])
    assert (images.split_N[official["test"]] == "valid").all()
    assert len(official["test"]) == 8
    assert len(five["test"]) == 5
    label_N5 = images.label_NF[five["test"]][:, [FINDINGS.index(name) for name in COMPETITION]]
    np.testing.assert_array_equal((label_N5 == 1).sum(axis=0), 1)
    np.testing.assert_array_equal((label_N5 == 1).sum(axis=1), 1)
    assert not (label_N5 == -1).any()
    assert len(official["val"]) >= 5
    for positions in (official, five):
        assert count_leaks(positions, images.patient_N) == 0
    taken = np.isin(images.patient_N, images.patient_N[five["test"]])
    whole = np.sort(np.concatenate([five["train"], five["val"], np.flatnonzero(taken & (images.split_N == "train"))]))
    np.testing.assert_array_equal(whole, np.flatnonzero(images.split_N == "train"))


def test_other_images_of_a_drawn_patient_lie_in_no_split() -> None:
    label_N5 = np.full((40, 5), np.nan, dtype=np.float32)
    label_N5[np.arange(10), np.arange(10) % 5] = 1
    label_N5[0, 1] = -1
    label_N5[5, 4] = 0
    label_NF = np.full((40, len(FINDINGS)), np.nan, dtype=np.float32)
    label_NF[:, [FINDINGS.index(name) for name in COMPETITION]] = label_N5
    label_NF[1, FINDINGS.index("Fracture")] = 1
    label_NF[6, FINDINGS.index("No Finding")] = 1
    # images 20 to 29 are of the patients of images 0 to 9
    patient_N = np.r_[np.arange(20), np.arange(10), np.arange(20, 30)]
    images = Images([str(n) for n in range(40)], patient_N, np.full(40, "train"), label_NF, FINDINGS)
    for seed in range(4):
        positions = _drawn(images, test="5x200", val_images=0, seed=seed)
        assert 0 not in positions["test"]
        assert 5 in positions["test"]
        assert 1 not in positions["test"]
        assert 6 in positions["test"]
        assert len(positions["train"]) == 40 - 2 * 5
        assert not np.isin(positions["test"] + 20, positions["train"]).any()
    assert len({tuple(_drawn(images, test="5x200", seed=seed)["test"]) for seed in range(8)}) > 1


def test_numbers_that_cannot_be_drawn_are_refused(tree: Path) -> None:
    images = _images(_read(tree))
    with pytest.raises(UserError, match=r"per_class=200: only \d+ training image\(s\) have Atelectasis and no other"):
        _drawn(images, per_class=200)
    with pytest.raises(UserError, match="val_images=500 leaves no image to train on"):
        _drawn(images, val_images=500)
    with pytest.raises(UserError, match="0 or more"):
        _drawn(images, val_images=-1)
    with pytest.raises(UserError, match="'No Finding', which the data set does not have"):
        _drawn(images._replace(finding_names=("Edema",)))


def test_the_yaml_of_5x200_differs_in_the_test_alone() -> None:
    base, five = (OmegaConf.load(CONF / f"dataset/{name}.yaml") for name in ("chexpert", "chexpert_5x200"))
    merged = OmegaConf.merge(base, five)
    assert merged.split.test == "5x200"
    merged.split.test = "official"
    del merged["defaults"], base["defaults"]
    assert merged == base
    assert tuple(base.findings) == COMPETITION
    assert set(base.uncertain) == set(COMPETITION)
