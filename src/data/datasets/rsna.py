"""RSNA Pneumonia Detection Challenge, stage 2, in Kaggle's layout.

Axes: N patients, of whom each has one image; R rows of a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from src.core.errors import UserError
from src.data.catalogue import Box, Catalogue, Entry
from src.data.reader import Reader, folders, index_files
from src.data.row_checks import read_numbers, refuse_duplicates, refuse_rows
from src.data.tables import read_labels, read_table, require_columns, require_values

if TYPE_CHECKING:
    import pandas as pd

_TABLE = "stage_2_train_labels.csv*"
_CLASSES_TABLE = "stage_2_detailed_class_info.csv*"
_IMAGES = "stage_2_train_images"
_COORDINATES = ("x", "y", "width", "height")
_OPACITY = "Lung Opacity"
_CLASSES = ("Normal", "No Lung Opacity / Not Normal", _OPACITY)
_PATIENTS, _BOXES = 26_684, 9_555


@dataclass(frozen=True, kw_only=True)
class RsnaReader(Reader):
    """Every patient of the training table, sorted by id, with the boxes of all the patient's rows.

    The pictures of the stage's own test set have no labels and are left out. The table of detailed classes, where it
    is there, is held against the labels and counted.

    Raises ``UserError`` for stage 1, for a target other than 0 or 1, a row of target 1 without a whole box, one of
    target 0 with any of it, a box of no area or left of or above the picture, a row given twice, and targets that
    contradict each other. Source: https://www.kaggle.com/c/rsna-pneumonia-detection-challenge/data.
    """

    title: ClassVar[str] = "RSNA Pneumonia (stage 2)"
    where: ClassVar[str] = "https://www.kaggle.com/c/rsna-pneumonia-detection-challenge"
    marks: ClassVar[Mapping[str, tuple[str, ...]]] = {_TABLE: ("patientId", *_COORDINATES, "Target")}

    def folder(self) -> Path:
        root = Path(self.root)
        if root.is_dir() and not self.lies_in(root):
            first = next((f for f in folders(root) if any(f.glob("stage_1_train_labels.csv*"))), None)
            if first is not None:
                raise UserError(
                    f"{self.title}: {first} holds stage 1, whose labels stage 2 corrects and whose patients the "
                    f"published split does not know; get stage 2 at {self.where}"
                )
        return super().folder()

    def read(self) -> Catalogue:
        folder = self.folder()
        if not (folder / _IMAGES).is_dir():
            raise UserError(
                f"{self.title} is not complete: there is no folder {_IMAGES} in {folder}; unpack {_IMAGES}.zip there"
            )
        path = self.file(folder, _TABLE)
        table = read_table(path)
        require_columns(table, path, {column: column for column in self.marks[_TABLE]})
        require_values(table, path, "patientId")
        target_R = _targets(table, path)
        boxes = _boxes(table, target_R, path)

        first_row = {patient: row for row, patient in reversed(list(enumerate(table["patientId"], start=1)))}
        patients = sorted(first_row)
        files = index_files(folder, {".dcm"}, _IMAGES)
        entries = [
            Entry(
                file=files.get(patient, f"{_IMAGES}/{patient}.dcm"),
                image_id=patient,
                patient=patient,
                row=first_row[patient],
                boxes=tuple(boxes.get(patient, ())),
            )
            for patient in patients
        ]
        label_NF = np.array([[patient in boxes] for patient in patients], dtype=np.float32)
        return Catalogue(
            root=folder,
            finding_names=("Pneumonia",),
            entries=entries,
            label_NF=label_NF,
            version=_version(len(patients), int(target_R.sum())),
            notes=_class_notes(folder, dict(zip(patients, label_NF[:, 0], strict=True))),
        )


def _targets(table: "pd.DataFrame", path: Path) -> np.ndarray:
    """The target of each row, checked; also that no row is there twice and no patient has both targets."""
    target_R = read_labels(table, path, ["Target"], "unknown")[:, 0]
    refuse_rows(~np.isin(target_R, (0, 1)), path, "Target", "hold neither 0 nor 1", "correct the table")
    refuse_duplicates(table, path, ["patientId", *_COORDINATES, "Target"])
    both_R = table["patientId"].map(table.assign(Target=target_R).groupby("patientId")["Target"].nunique()) > 1
    what = "belong to patients who have target 0 in one row and 1 in another"
    refuse_rows(both_R.to_numpy(), path, "Target", what, "correct the table")
    return target_R


def _boxes(table: "pd.DataFrame", target_R: np.ndarray, path: Path) -> dict[str, list[Box]]:
    """The boxes of each patient who has any."""
    number_R4 = read_numbers(table, path, _COORDINATES)
    present_R, advice = target_R == 1, "correct the table"
    for column, number_R in zip(_COORDINATES, number_R4.T, strict=True):
        blank_R = np.isnan(number_R)
        refuse_rows(present_R & blank_R, path, column, "have target 1 and no whole box", advice)
        refuse_rows(~present_R & ~blank_R, path, column, "have target 0 and a box", advice)
        if column in ("x", "y"):
            refuse_rows(number_R < 0, path, column, "have a box that begins outside the picture, below 0", advice)
        else:
            refuse_rows(number_R <= 0, path, column, "have a box of no area", advice)

    patients = table["patientId"].tolist()
    boxes: dict[str, list[Box]] = {}
    for row in np.flatnonzero(present_R).tolist():
        left, top, width, height = number_R4[row].tolist()
        box = Box(0, left, top, left + width, top + height, row + 1)
        boxes.setdefault(patients[row], []).append(box)
    return boxes


def _class_notes(folder: Path, label: Mapping[str, float]) -> tuple[str, ...]:
    """How many patients are of each detailed class. UserError where the classes contradict the labels."""
    path = max(folder.glob(_CLASSES_TABLE), default=None)
    if path is None:
        return ()
    table = read_table(path)
    require_columns(table, path, {"patientId": "patientId", "class": "class"})
    names = ", ".join(map(repr, _CLASSES))
    refuse_rows(
        (~table["class"].isin(_CLASSES)).to_numpy(), path, "class", f"hold none of {names}", "correct the table"
    )
    label_R = table["patientId"].map(label)
    contrary_R = label_R.notna() & ((label_R == 1) != (table["class"] == _OPACITY))
    what = f"contradict the targets, where {_OPACITY!r} goes with 1 and the others with 0"
    refuse_rows(contrary_R.to_numpy(), path, "class", what, "take both tables from one download")
    count = table.drop_duplicates("patientId")["class"].value_counts()
    counts = ", ".join(f"{count.get(name, 0):,} {name}" for name in _CLASSES)
    missing = len(set(label) - set(table["patientId"]))
    return (f"{path.name}: {counts}.", *([f"{path.name} lacks {missing} patient(s)."] if missing else []))


def _version(patients: int, boxes: int) -> str:
    if (patients, boxes) == (_PATIENTS, _BOXES):
        return f"stage 2: {patients:,} patients, {boxes:,} boxes"
    return f"no version known: {patients:,} patients and {boxes:,} boxes, stage 2 has {_PATIENTS:,} and {_BOXES:,}"
