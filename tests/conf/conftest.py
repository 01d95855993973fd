"""Data sets on disk, made from the phantom, for the options that read one."""

from pathlib import Path

import cv2
import pandas as pd
import pytest

from src.data.phantom.source import PhantomSource


@pytest.fixture(scope="session")
def user_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 40 pairs with images, reports, patients and one label, as a user might have it."""
    folder = tmp_path_factory.mktemp("user")
    table = PhantomSource(seed=3, size=64, train=40, val=1, test=1, prevalence=0.3).table("train")
    rows = []
    for index in range(40):
        cv2.imwrite(str(folder / f"{index}.png"), table.image(index))
        rows.append((f"{index}.png", table.report(index), f"p{index // 2}", int(table.label_NF[index, 0])))
    pd.DataFrame(rows, columns=["image", "report", "patient", "big_heart"]).to_csv(folder / "pairs.csv", index=False)
    return folder / "pairs.csv"


@pytest.fixture(scope="session")
def mimic_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds MIMIC-CXR-JPG and its reports in their owner's layout, with 40 studies."""
    data = tmp_path_factory.mktemp("mimic")
    root = data / "mimic-cxr-jpg"
    root.mkdir()
    table = PhantomSource(seed=4, size=64, train=40, val=1, test=1, prevalence=0.3).table("train")
    splits = ["train"] * 24 + ["validate"] * 8 + ["test"] * 8
    rows = [(f"d{n}", 10000000 + n, 50000000 + n, "PA", splits[n]) for n in range(40)]
    frame = pd.DataFrame(rows, columns=["dicom_id", "subject_id", "study_id", "ViewPosition", "split"])
    frame.drop(columns="split").to_csv(root / "mimic-cxr-2.0.0-metadata.csv.gz", index=False)
    frame.drop(columns="ViewPosition").to_csv(root / "mimic-cxr-2.0.0-split.csv.gz", index=False)
    labels = frame[["subject_id", "study_id"]].assign(Cardiomegaly=table.label_NF[:, 0])
    labels.to_csv(root / "mimic-cxr-2.0.0-chexpert.csv.gz", index=False)
    for index, (image, subject, study, *_) in enumerate(rows):
        folder = Path(f"files/p{str(subject)[:2]}/p{subject}/s{study}")
        (root / folder).mkdir(parents=True)
        cv2.imwrite(str(root / folder / f"{image}.jpg"), table.image(index))
        report = (data / "mimic-cxr-reports" / folder).with_suffix(".txt")
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(table.report(index), encoding="utf-8")
    return data
