"""NIH ChestX-ray14 as the NIH Clinical Center and Kaggle hand it out.

Axes: N images, F findings, M boxes.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from src.core.errors import UserError
from src.data.catalogue import Box, Catalogue, Entry
from src.data.reader import Reader, index_files
from src.data.row_checks import read_numbers, refuse_duplicates, refuse_rows
from src.data.tables import read_table, require_columns, require_values

if TYPE_CHECKING:
    import pandas as pd

FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)

_IMAGES, _PATIENTS = 112_120, 30_805
_NONE = "No Finding"
_TABLE, _BOXES = "Data_Entry_2017*.csv", "BBox_List_2017*.csv"
_LISTS = {"train_val": "train_val_list*.txt", "test": "test_list*.txt"}
_COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "View Position")
# one heading "Bbox [x,y,w,h]" without quotes makes four columns
_BOX_COLUMNS = ("Bbox [x", "y", "w", "h]")
_BOX_NAMES = {**{name: name for name in FINDINGS}, "Infiltrate": "Infiltration"}


@dataclass(frozen=True, kw_only=True)
class NihReader(Reader):
    """Frontal images with fourteen labels mined from reports, and boxes for about a thousand findings.

    ``root``: the folder of ``Data_Entry_2017.csv`` (or ``_v2020``), ``BBox_List_2017.csv``, ``train_val_list.txt`` and
    ``test_list.txt``, or one above it; images lie in ``images_001/images`` to ``images_012/images``, or anywhere below.
    The owner's splits are ``train_val`` and ``test``. "Infiltrate" of the box table is the finding Infiltration.
    """

    title: ClassVar[str] = "NIH ChestX-ray14"
    where: ClassVar[str] = "https://nihcc.app.box.com/v/ChestXray-NIHCC"
    marks: ClassVar[Mapping[str, tuple[str, ...]]] = {
        _TABLE: _COLUMNS,
        _BOXES: ("Image Index", "Finding Label", *_BOX_COLUMNS),
        _LISTS["train_val"]: (),
        _LISTS["test"]: (),
    }

    def read(self) -> Catalogue:
        folder = self.folder()
        path = self.file(folder, _TABLE)
        frame = read_table(path)
        require_columns(frame, path, {name: name for name in _COLUMNS})
        for column in ("Image Index", "Patient ID"):
            require_values(frame, path, column)
        refuse_duplicates(frame, path, ["Image Index"])
        label_NF = _labels(frame, path)
        splits = self._splits(folder, frame, path)
        boxes = self._boxes(folder, set(frame["Image Index"]))
        files = index_files(folder, (".png", ".jpg"))
        entries = [
            Entry(
                file=files.get(Path(image).stem, f"images/{image}"),
                image_id=Path(image).stem,
                patient=patient,
                row=row,
                split=splits[image],
                view=view,
                boxes=tuple(boxes.get(image, ())),
            )
            for row, (image, patient, view) in enumerate(
                zip(*(frame[name].tolist() for name in ("Image Index", "Patient ID", "View Position")), strict=True), 1
            )
        ]
        return Catalogue(
            root=folder,
            finding_names=FINDINGS,
            entries=entries,
            label_NF=label_NF,
            version=_version(path, len(frame), frame["Patient ID"].nunique()),
        )

    def _splits(self, folder: Path, frame: "pd.DataFrame", table: Path) -> dict[str, str]:
        """The owner's split of every image that a list names."""
        splits: dict[str, str] = {}
        for split, pattern in _LISTS.items():
            path = self.file(folder, pattern)
            names = path.read_text(encoding="utf-8-sig").split()
            again = len(names) - len(set(names)) + len(splits.keys() & set(names))
            if again:
                raise UserError(
                    f"{path} names {again} image(s) that it, or the list of the other split, named before; "
                    "get both lists again"
                )
            splits |= dict.fromkeys(names, split)
        refuse_rows(
            ~frame["Image Index"].isin(splits.keys()).to_numpy(),
            table,
            "Image Index",
            "hold an image that neither train_val_list.txt nor test_list.txt names",
            "take table and lists from one download",
        )
        return splits

    def _boxes(self, folder: Path, images: set[str]) -> dict[str, list[Box]]:
        path = self.file(folder, _BOXES)
        frame = read_table(path)
        require_columns(frame, path, {name: name for name in ("Image Index", "Finding Label", *_BOX_COLUMNS)})
        refuse_rows(
            ~frame["Image Index"].isin(images).to_numpy(),
            path,
            "Image Index",
            "hold an image that the table of all images lacks",
            "take both tables from one download",
        )
        label = frame["Finding Label"].str.strip().map(_BOX_NAMES)
        refuse_rows(
            label.isna().to_numpy(), path, "Finding Label", "hold no finding of ChestX-ray14", "correct the table"
        )
        box_M4 = read_numbers(frame, path, _BOX_COLUMNS)
        for position, column in enumerate(_BOX_COLUMNS):
            refuse_rows(np.isnan(box_M4[:, position]), path, column, "hold half a box", "fill it in")
        for position in (2, 3):
            what = "hold a box of no area"
            refuse_rows(box_M4[:, position] <= 0, path, _BOX_COLUMNS[position], what, "correct it or take it out")
        boxes: dict[str, list[Box]] = defaultdict(list)
        for row, (image, name, box) in enumerate(zip(frame["Image Index"], label, box_M4.tolist(), strict=True), 1):
            x, y, width, height = box
            boxes[image].append(Box(FINDINGS.index(name), x, y, x + width, y + height, row))
        return boxes


def _labels(frame: "pd.DataFrame", path: Path) -> np.ndarray:
    """ "A|B" as 1 and 0, (N, F)."""
    column = "Finding Labels"
    text = frame[column].str.strip()
    dummies = text.str.get_dummies("|")
    unknown = [name for name in dummies.columns if name not in (*FINDINGS, _NONE)]
    bad_N = (dummies[unknown].to_numpy() > 0).any(axis=1) | (text == "").to_numpy()
    refuse_rows(bad_N, path, column, "hold no finding of ChestX-ray14", "get the table again")
    label_NF = dummies.reindex(columns=list(FINDINGS), fill_value=0).to_numpy(dtype=np.float32)
    both_N = text.str.contains(_NONE, regex=False).to_numpy() & (label_NF > 0).any(axis=1)
    refuse_rows(both_N, path, column, f"hold {_NONE!r} beside a finding", "get the table again")
    return label_NF


def _version(path: Path, images: int, patients: int) -> str:
    if (images, patients) == (_IMAGES, _PATIENTS):
        year = "2020" if "2020" in path.name else "2017"
        return f"NIH ChestX-ray14 with the table of {year}: {images:,} images, {patients:,} patients"
    return f"no version known: {images:,} images, {patients:,} patients; ChestX-ray14 has {_IMAGES:,} and {_PATIENTS:,}"
