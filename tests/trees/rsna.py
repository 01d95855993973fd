"""RSNA stage 2 as Kaggle hands it out: several rows a patient, numbers like 264.0, both photometric interpretations."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from tests.trees.pictures import SIZE, phantom_table, write_dicom

OPACITIES = ("consolidation", "nodule")
"""Findings of the phantom that count as pneumonia here."""
SCALE = 2


def make(root: Path, *, count: int = 32, seed: int = 0) -> None:
    """``count`` patients with boxes true to their pictures, two unlabelled ones more, and the detailed classes."""
    table = phantom_table(count + 2, seed)
    rng = np.random.default_rng(seed)
    rows: list[tuple[object, ...]] = []
    classes: list[tuple[str, str]] = []
    for index in range(count + 2):
        patient = "-".join(rng.bytes(n).hex() for n in (4, 2, 2, 2, 6))
        labelled = index < count
        folder = root / f"stage_2_{'train' if labelled else 'test'}_images"
        image_HW = cv2.resize(table.image(index), None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_LINEAR)
        suffix = ".DCM" if index % 8 == 5 else ".dcm"
        write_dicom(folder / f"{patient}{suffix}", image_HW, photometric=f"MONOCHROME{2 - index % 2}")
        if not labelled:
            continue
        study = table.study(index)
        found = [
            np.rint(SCALE * box_4)
            for finding, box_4 in zip(study.findings, study.boxes(SIZE), strict=True)
            if finding.name in OPACITIES
        ]
        for left, top, right, bottom in found:
            rows.append((patient, left, top, right - left, bottom - top, 1))
            classes.append((patient, "Lung Opacity"))
        if not found:
            rows.append((patient, None, None, None, None, 0))
            classes.append((patient, "No Lung Opacity / Not Normal" if study.findings else "Normal"))
    columns = ["patientId", "x", "y", "width", "height", "Target"]
    pd.DataFrame(rows, columns=columns).to_csv(root / "stage_2_train_labels.csv", index=False)
    pd.DataFrame(classes, columns=["patientId", "class"]).to_csv(root / "stage_2_detailed_class_info.csv", index=False)
