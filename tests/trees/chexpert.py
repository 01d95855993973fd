"""CheXpert-v1.0-small: paths that begin with the distribution's folder, several studies a patient, laterals, blanks."""

from pathlib import Path

import numpy as np
import pandas as pd

from src.data.phantom.source import PhantomTable
from tests.trees.pictures import phantom_table, write_image

NAME = "CheXpert-v1.0-small"
OVERRIDES = ("dataset.split.per_class=1", "dataset.split.val_images=5")
"""The published split asks for more images than there are."""
FINDINGS = {
    "No Finding": None,
    "Enlarged Cardiomediastinum": None,
    "Cardiomegaly": "cardiomegaly",
    "Lung Opacity": None,
    "Lung Lesion": "nodule",
    "Edema": "edema",
    "Consolidation": "consolidation",
    "Pneumonia": None,
    "Atelectasis": "atelectasis",
    "Pneumothorax": "pneumothorax",
    "Pleural Effusion": "effusion",
    "Pleural Other": None,
    "Fracture": "fracture",
    "Support Devices": "support_device",
}
"""CheXpert's columns in their order, and what of the phantom they stand for."""
FIVE = ("atelectasis", "cardiomegaly", "consolidation", "edema", "effusion")


def make(root: Path, *, count: int = 32, seed: int = 0) -> None:
    """``count`` frontal images, a quarter in valid; train's patients have one or two studies, every third a lateral.

    Where ``count`` is 32 or more, 5x200 can be drawn with one image of each finding.
    """
    table = phantom_table(40 * count, seed)
    order = _order(table, count)
    rng = np.random.default_rng(seed)
    held_out = count // 4
    rows: dict[str, list[list[object]]] = {"train": [], "valid": []}
    patient = 0
    for index, study in enumerate(order):
        split = "valid" if index < held_out else "train"
        second = split == "train" and index % 4 == 3
        patient += 0 if second else 1
        number = patient if split == "train" else 64540 + patient
        folder = f"{split}/patient{number:05d}/study{1 + second}"
        views = ["frontal", "lateral"] if split == "train" and index % 3 == 0 else ["frontal"]
        there = {finding.name for finding in table.study(study).findings}
        labels = [_label(name, stands_for, there, split, index, rng) for name, stands_for in FINDINGS.items()]
        for position, view in enumerate(views, start=1):
            path = f"{folder}/view{position}_{view}.jpg"
            image_HW = table.image(study)
            write_image(root / NAME / path, image_HW if view == "frontal" else image_HW[:, ::2].copy())
            about = ["Female" if number % 2 else "Male", 20 + number % 70, view.capitalize()]
            rows[split].append([f"{NAME}/{path}", *about, "AP" if view == "frontal" else None, *labels])
    columns = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS]
    for split in ("train", "valid"):
        pd.DataFrame(rows[split], columns=columns).to_csv(root / NAME / f"{split}.csv", index=False)


def _order(table: PhantomTable, count: int) -> list[int]:
    """Studies in order, but that the first of every four of train have one of the five findings alone, each in turn."""
    order, alone = list(range(count)), list(range(count, len(table)))
    for name, position in zip(FIVE, range(count // 4, count, 4), strict=False):
        order[position] = next(index for index in alone if {f.name for f in table.study(index).findings} == {name})
    return order


def _label(
    name: str, stands_for: str | None, there: set[str], split: str, index: int, rng: np.random.Generator
) -> float | None:
    draw = rng.random()
    if name == "No Finding":
        return 0.0 if there and split == "valid" else None if there else 1.0
    if stands_for in there:
        return 1.0
    if split == "valid":
        return 0.0
    return -1.0 if draw < 0.08 and index % 4 else 0.0 if draw < 0.4 else None
