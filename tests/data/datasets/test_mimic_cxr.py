"""MIMIC-CXR in its owner's layout, as a made tree of five images."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from PIL import Image

from src.core.errors import UserError
from src.data.datasets.mimic_cxr import MimicCxrSource
from src.data.image_io import ImageError

CONF = Path(__file__).resolve().parents[3] / "conf"
IMAGES = pd.DataFrame(
    [
        ("aa", 10000001, 50000001, "PA", "train"),
        ("bb", 10000001, 50000001, "LATERAL", "train"),
        ("cc", 10000002, 50000002, "AP", "train"),
        ("dd", 11000003, 50000003, "AP", "validate"),
        ("ee", 12000004, 50000004, "PA", "test"),
    ],
    columns=["dicom_id", "subject_id", "study_id", "ViewPosition", "split"],
)


@pytest.fixture
def mimic(tmp_path: Path) -> Path:
    root = tmp_path / "mimic-cxr-jpg"
    root.mkdir()
    IMAGES[["dicom_id", "subject_id", "study_id", "ViewPosition"]].to_csv(
        root / "mimic-cxr-2.0.0-metadata.csv.gz", index=False
    )
    IMAGES[["dicom_id", "study_id", "subject_id", "split"]].to_csv(root / "mimic-cxr-2.0.0-split.csv.gz", index=False)
    config = OmegaConf.load(CONF / "dataset/mimic_cxr.yaml")
    labels = pd.DataFrame({name: [1.0, -1.0, None] for name in config.findings})
    labels.insert(0, "study_id", [50000001, 50000002, 50000003])
    labels.insert(0, "subject_id", [10000001, 10000002, 11000003])
    labels.to_csv(root / "mimic-cxr-2.0.0-chexpert.csv.gz", index=False)
    for number, (image, subject, study, *_) in enumerate(IMAGES.itertuples(index=False)):
        folder = Path(f"files/p{str(subject)[:2]}/p{subject}/s{study}")
        (root / folder).mkdir(parents=True, exist_ok=True)
        picture_HW = np.random.default_rng(number).integers(0, 256, (40, 30), dtype=np.uint8)
        Image.fromarray(picture_HW).save(root / folder / f"{image}.jpg")
        report = (tmp_path / "mimic-cxr-reports" / folder).with_suffix(".txt")
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(f" FINAL REPORT\n FINDINGS: Study {study} is fine.\n", encoding="utf-8")
    return tmp_path


def _source(data: Path, **changes: Any) -> MimicCxrSource:
    config = OmegaConf.create(
        {"paths": {"data": str(data)}, "dataset": OmegaConf.load(CONF / "dataset/mimic_cxr.yaml")}
    )
    config.dataset.merge_with(changes)
    values = OmegaConf.to_container(config.dataset, resolve=True)
    assert values.pop("_target_") == "src.data.datasets.mimic_cxr.MimicCxrSource"
    return MimicCxrSource(**values)


def test_frontal_images_in_the_official_splits(mimic: Path) -> None:
    source = _source(mimic)
    names = {
        s: [Path(source.table(s).file(i)).stem for i in range(len(source.table(s)))] for s in ("train", "val", "test")
    }
    assert names == {"train": ["aa", "cc"], "val": ["dd", "ee"], "test": ["ee"]}
    assert [source.table("train").row(i) for i in range(2)] == [1, 3]


def test_image_report_and_labels_belong_together(mimic: Path) -> None:
    source = _source(mimic, uncertain="absent")
    assert len(source.finding_names) == 14
    train = source.table("train")
    assert "50000002" in train.report(1)
    assert train.image(1).shape == (40, 30)
    np.testing.assert_array_equal(train.label_NF[:, 0], [1, 0])
    assert np.isnan(source.table("val").label_NF).all()


def test_a_missing_report_is_an_empty_one(mimic: Path) -> None:
    (mimic / "mimic-cxr-reports/files/p10/p10000001/s50000001.txt").unlink()
    assert _source(mimic).table("train").report(0) == ""


def test_a_bad_image_is_named_without_the_patients_folder(mimic: Path) -> None:
    (mimic / "mimic-cxr-jpg/files/p10/p10000002/s50000002/cc.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match=r"^row 3: cc\.jpg is empty") as caught:
        _source(mimic).table("train").image(1)
    assert "p10000002" not in str(caught.value)


def test_without_the_data_one_message_says_it_all(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        _source(tmp_path / "nowhere")
    message = str(caught.value)
    for part in (
        "metadata.csv.gz",
        "split.csv.gz",
        "chexpert.csv.gz",
        "nowhere/mimic-cxr-jpg/files",
        "nowhere/mimic-cxr-reports/files",
    ):
        assert part in message
    assert "physionet.org" in message
    assert "python -m src.run +experiment=mgca_vit dataset=phantom trainer=cpu" in message
    assert "\n" not in message


def test_only_what_lacks_is_named(mimic: Path) -> None:
    (mimic / "mimic-cxr-jpg/mimic-cxr-2.0.0-split.csv.gz").unlink()
    with pytest.raises(UserError, match=r"looked for \S*mimic-cxr-2\.0\.0-split\.csv\.gz and"):
        _source(mimic)
