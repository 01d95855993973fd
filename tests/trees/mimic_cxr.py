"""MIMIC-CXR-JPG 2.x with the reports of MIMIC-CXR beside it, as wget of PhysioNet leaves them.

Several images a study and studies a patient, lateral views and blank ones, a report whose sections are both empty, a
study without a report file, and one without labels.
"""

import hashlib
from pathlib import Path

import pandas as pd

from tests.trees.pictures import phantom_table, write_image

JPG = Path("physionet.org/files/mimic-cxr-jpg/2.1.0")
REPORTS = Path("physionet.org/files/mimic-cxr/2.1.0/mimic-cxr-reports")
NAMES = {
    "Atelectasis": "atelectasis",
    "Cardiomegaly": "cardiomegaly",
    "Consolidation": "consolidation",
    "Edema": "edema",
    "Enlarged Cardiomediastinum": "",
    "Fracture": "fracture",
    "Lung Lesion": "nodule",
    "Lung Opacity": "",
    "No Finding": "",
    "Pleural Effusion": "effusion",
    "Pleural Other": "",
    "Pneumonia": "",
    "Pneumothorax": "pneumothorax",
    "Support Devices": "support_device",
}
"""The labels of CheXpert, and the phantom's finding behind each."""
NO_SECTIONS, NO_FILE, NO_LABELS = 3, 5, 7
"""Studies with a quirk of their own."""


def make(root: Path, *, count: int = 32, seed: int = 0) -> None:
    """``count`` studies; every fourth has a lateral image too, every ninth a second frontal one."""
    table = phantom_table(count, seed)
    images, studies, splits = [], [], []
    for index in range(count):
        subject, study = 10_000_000 + 1_000_003 * (index // 3), 50_000_000 + 7919 * index
        split = {0: "validate", 1: "test"}.get(index // 3 % 5, "train")
        folder = f"files/p{str(subject)[:2]}/p{subject}/s{study}"
        views = ["AP" if index % 3 else "PA"]
        views += ["LATERAL"] * (index % 4 == 0) + ["AP"] * (index % 9 == 0) + [""] * (index == 2)
        for number, view in enumerate(views):
            digits = hashlib.sha1(f"{seed} {index} {number}".encode()).hexdigest()
            name = "-".join(digits[start : start + 8] for start in range(0, 40, 8))
            picture_HW = table.image(index)
            write_image(root / JPG / folder / f"{name}.jpg", picture_HW[:, ::-1] if view == "LATERAL" else picture_HW)
            images.append((name, subject, study, view, *picture_HW.shape))
            splits.append((name, study, subject, split))
        if index != NO_FILE:
            path = root / REPORTS / f"{folder}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_report(table.report(index), index), encoding="utf-8")
        if index != NO_LABELS:
            present = {finding.name for finding in table.study(index).findings}
            studies.append((subject, study, *(_label(name, present, index) for name in NAMES)))
    header = ["dicom_id", "subject_id", "study_id", "ViewPosition", "Rows", "Columns"]
    _write(root, "metadata", images, header)
    _write(root, "split", splits, ["dicom_id", "study_id", "subject_id", "split"])
    for labeller in ("chexpert", "negbio"):
        _write(root, labeller, studies, ["subject_id", "study_id", *NAMES])


def _label(name: str, present: set[str], index: int) -> float | None:
    if name == "No Finding":
        return None if present else 1.0
    if NAMES[name] in present:
        return -1.0 if index % 11 == 10 else 1.0
    return 0.0 if NAMES[name] and index % 4 else None


def _report(text: str, index: int) -> str:
    if index == NO_SECTIONS:
        return "                                 FINAL REPORT\n EXAMINATION:  CHEST\n\n FINDINGS:\n\n IMPRESSION:\n"
    return text


def _write(root: Path, name: str, rows: list[tuple], header: list[str]) -> None:
    # every release of the tables is called 2.0.0
    pd.DataFrame(rows, columns=header).to_csv(root / JPG / f"mimic-cxr-2.0.0-{name}.csv.gz", index=False)
