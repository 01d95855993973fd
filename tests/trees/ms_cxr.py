"""MS-CXR 1.1 as PhysioNet hands it out, JSON and CSV, with the images that it annotates from MIMIC-CXR-JPG beside it.

Several phrases an image, several boxes a phrase, integer boxes, a split by patient on each annotation.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd

from tests.trees.pictures import SIZE, phantom_table, write_image

HOME = Path("physionet.org/files/ms-cxr/1.1.0")
JPG = Path("physionet.org/files/mimic-cxr-jpg/2.1.0")
NAME = "MS_CXR_Local_Alignment_v1.1.0"
NAMES = {
    "atelectasis": "Atelectasis",
    "cardiomegaly": "Cardiomegaly",
    "consolidation": "Consolidation",
    "edema": "Edema",
    "nodule": "Lung Opacity",
    "effusion": "Pleural Effusion",
    "pneumothorax": "Pneumothorax",
}
"""The phantom's findings, and the category that each stands for here."""


def make(root: Path, *, count: int = 32, seed: int = 0) -> None:
    """``count`` studies, of which those are annotated that have a finding of ``NAMES``."""
    table = phantom_table(count, seed)
    categories = [{"id": number, "name": name} for number, name in enumerate(NAMES.values(), start=1)]
    number_of = {category["name"]: category["id"] for category in categories}
    images, annotations, rows = [], [], []
    for index in range(count):
        phrases = [phrase for phrase in table.phrases(index) if phrase.category in NAMES]
        if not phrases:
            continue
        subject, study = 10_000_000 + 1_000_003 * (index // 2), 50_000_000 + 7919 * index
        digits = hashlib.sha1(f"{seed} {index}".encode()).hexdigest()
        dicom = "-".join(digits[start : start + 8] for start in range(0, 40, 8))
        path = f"files/p{str(subject)[:2]}/p{subject}/s{study}/{dicom}.jpg"
        write_image(root / JPG / path, table.image(index))
        size = {"width": SIZE, "height": SIZE}
        images.append({"id": index, "file_name": f"{dicom}.jpg", "path": path, **size})
        split = {0: "val", 1: "test"}.get(index // 2 % 4, "train")
        for phrase in phrases:
            name = NAMES[phrase.category]
            for left, top, right, bottom in np.rint(phrase.box_N4).astype(int).tolist():
                box = [left, top, right - left, bottom - top]
                about = {"image_id": index, "category_id": number_of[name], "label_text": phrase.text, "split": split}
                annotations.append({"id": len(annotations), "bbox": box, **size, **about})
                rows.append((dicom, name, phrase.text, path, *box, SIZE, SIZE, split))
    home = root / HOME
    home.mkdir(parents=True, exist_ok=True)
    whole = {"info": {}, "categories": categories, "images": images, "annotations": annotations}
    (home / f"{NAME}.json").write_text(json.dumps(whole), encoding="utf-8")
    columns = ["dicom_id", "category_name", "label_text", "path", "x", "y", "w", "h", "image_width", "image_height"]
    pd.DataFrame(rows, columns=[*columns, "split"]).to_csv(home / f"{NAME}.csv", index=False)
