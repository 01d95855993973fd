"""VinDr-CXR 1.0.0 as PhysioNet hands it out: DICOM, labels and boxes of several radiologists.

Axes: R rows of a label table, N images, F findings, M boxes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from src.core.errors import UserError
from src.data.catalogue import Box, Catalogue, Entry
from src.data.reader import Reader, folders, index_files
from src.data.row_checks import read_numbers, refuse_duplicates, refuse_rows
from src.data.tables import read_header, read_labels, read_table, require_columns, require_values

if TYPE_CHECKING:
    import pandas as pd

LOCAL = (
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Clavicle fracture",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Enlarged PA",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Lung cavity",
    "Lung cyst",
    "Mediastinal shift",
    "Nodule/Mass",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
    "Rib fracture",
    "Other lesion",
)
GLOBAL = ("COPD", "Lung tumor", "Pneumonia", "Tuberculosis", "Other diseases", "No finding")
FINDINGS = (*LOCAL, *GLOBAL)

_IMAGES = (15_000, 3_000)
_SPLITS = ("train", "test")
_SIDES = ("x_min", "y_min", "x_max", "y_max")
_SUFFIXES = (".dicom", ".dcm", ".png", ".jpg")
# the two tables do not agree on the plural and on capitals
_NAMES = {**{name.lower(): name for name in FINDINGS}, "other disease": "Other diseases"}


@dataclass(frozen=True, kw_only=True)
class VinDrReader(Reader):
    """Images, all PA, with 22 local and 6 global labels, and boxes for the local ones.

    ``root``: the folder of ``annotations/``, ``train/`` and ``test/``, or one above it. ``agreement``: how many of an
    image's readers must see a finding for it to be present, or all of them where it has fewer; three radiologists read
    each train image, and a test image has one row, their consensus. The boxes of an image are those of all radiologists
    for the findings that are present, so a train image has up to three of one object. Patients are not known: an image
    is its own patient. Rows are the first of each image in the label table of its split.
    """

    title: ClassVar[str] = "VinDr-CXR"
    where: ClassVar[str] = "https://physionet.org/content/vindr-cxr/1.0.0/ (credentialed access)"
    marks: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "annotations/annotations_train.csv": ("image_id", "class_name", *_SIDES),
        "annotations/annotations_test.csv": ("image_id", "class_name", *_SIDES),
        "annotations/image_labels_train.csv": ("image_id", "rad_id", *LOCAL[:2]),
        "annotations/image_labels_test.csv": ("image_id", *LOCAL[:2]),
    }

    agreement: int

    def read(self) -> Catalogue:
        if not 1 <= self.agreement <= 3:
            raise UserError(f"dataset.reader.agreement={self.agreement}: three read each image; choose 1, 2 or 3")
        _refuse_challenge(Path(self.root))
        folder = self.folder()
        parts = [self._read_split(folder, split) for split in _SPLITS]
        counts = tuple(len(entries) for entries, _, _ in parts)
        besides = "" if counts == _IMAGES else f"; 1.0.0 has {_IMAGES[0]:,} and {_IMAGES[1]:,}"
        left_out = sum(dropped for _, _, dropped in parts)
        return Catalogue(
            root=folder,
            finding_names=FINDINGS,
            entries=[entry for entries, _, _ in parts for entry in entries],
            label_NF=np.concatenate([label_NF for _, label_NF, _ in parts]),
            version=f"{'no version known' if besides else 'VinDr-CXR 1.0.0'}: {counts[0]:,} train and "
            f"{counts[1]:,} test images{besides}",
            notes=(f"{left_out} box(es) are left out: fewer than {self.agreement} readers saw their finding.",)
            if left_out
            else (),
        )

    def _read_split(self, folder: Path, split: str) -> tuple[list[Entry], np.ndarray, int]:
        """The split's entries, their labels (N, F), and how many boxes lack agreement."""
        path = folder / f"annotations/image_labels_{split}.csv"
        frame = read_table(path)
        keys = ["image_id", "rad_id"] if split == "train" else ["image_id"]
        require_columns(frame, path, {name: name for name in keys})
        for column in keys:
            require_values(frame, path, column)
        refuse_duplicates(frame, path, keys)
        image_R, row_N, label_NF = self._agree(frame, path)
        boxes, dropped = _boxes(folder / f"annotations/annotations_{split}.csv", image_R, label_NF)
        files = index_files(folder, _SUFFIXES, below=split)
        entries = [
            Entry(
                file=files.get(image, f"{split}/{image}.dicom"),
                image_id=image,
                patient=image,
                row=row,
                split=split,
                view="PA",
                boxes=tuple(boxes.get(image, ())),
            )
            for image, row in zip(image_R, row_N.tolist(), strict=True)
        ]
        return entries, label_NF, dropped

    def _agree(self, frame: "pd.DataFrame", path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Each image once, its first row, and its labels (N, F)."""
        import pandas as pd

        columns = _columns(frame.columns, path)
        vote_RF = read_labels(frame, path, list(columns), "unknown")
        for position, column in enumerate(columns):
            refuse_rows(np.isnan(vote_RF[:, position]), path, column, "hold neither 0 nor 1", "get the table again")
        code_R, image_N = pd.factorize(frame["image_id"])
        vote_NF = np.zeros((len(image_N), len(FINDINGS)), dtype=np.int64)
        finding_F = [FINDINGS.index(columns[column]) for column in columns]
        np.add.at(vote_NF, (code_R[:, None], np.array(finding_F)[None]), vote_RF.astype(np.int64))
        needed_N = np.minimum(self.agreement, np.bincount(code_R))
        first_N = np.unique(code_R, return_index=True)[1]
        return list(image_N), first_N + 1, (vote_NF >= needed_N[:, None]).astype(np.float32)


def _columns(header: Iterable[str], path: Path) -> dict[str, str]:
    """The label columns of a table, and the finding of each."""
    columns = {column: _NAMES[column.lower()] for column in header if column.lower() in _NAMES}
    lacking = [name for name in FINDINGS if name not in columns.values()]
    if lacking:
        raise UserError(f"the table {path} has no column {lacking[0]!r}; VinDr-CXR 1.0.0 has {len(FINDINGS)} labels")
    return columns


def _boxes(path: Path, images: list[str], label_NF: np.ndarray) -> tuple[dict[str, list[Box]], int]:
    """The boxes of each image whose finding is present, and how many others there are."""
    frame = read_table(path)
    require_columns(frame, path, {name: name for name in ("image_id", "class_name", *_SIDES)})
    position_of = {image: position for position, image in enumerate(images)}
    what, advice = "hold an image that the table of labels lacks", "take both tables from one download"
    refuse_rows(~frame["image_id"].isin(position_of).to_numpy(), path, "image_id", what, advice)
    name_M = frame["class_name"].str.strip().str.lower().map(_NAMES)
    refuse_rows(name_M.isna().to_numpy(), path, "class_name", "hold no finding of VinDr-CXR", "get the table again")
    box_M4 = read_numbers(frame, path, _SIDES)
    # a finding of the whole image has no box
    boxless_M = np.isnan(box_M4).all(axis=1) & name_M.isin(GLOBAL).to_numpy()
    for position, column in enumerate(_SIDES):
        half_M = np.isnan(box_M4[:, position]) & ~boxless_M
        refuse_rows(half_M, path, column, "hold half a box", "fill it in, or get the table again")
    for low, high in ((0, 2), (1, 3)):
        empty_M = box_M4[:, high] <= box_M4[:, low]
        refuse_rows(empty_M, path, _SIDES[high], "hold a box of no area", "correct it or take it out")
    boxes: dict[str, list[Box]] = defaultdict(list)
    dropped = 0
    columns = (frame["image_id"].tolist(), name_M.tolist(), box_M4.tolist(), boxless_M.tolist())
    for row, (image, name, (left, top, right, bottom), boxless) in enumerate(zip(*columns, strict=True), start=1):
        finding = FINDINGS.index(name)
        if boxless:
            continue
        if label_NF[position_of[image], finding] == 1:
            boxes[image].append(Box(finding, left, top, right, bottom, row))
        else:
            dropped += 1
    return boxes, dropped


def _refuse_challenge(root: Path) -> None:
    if not root.is_dir():
        return
    for folder in folders(root):
        if {"class_id", "rad_id"} <= set(read_header(folder / "train.csv")):
            raise UserError(
                f"{VinDrReader.title}: {folder} holds the VinBigData challenge of Kaggle, another edition of these "
                f"images without labels for its test set; get the data at {VinDrReader.where}"
            )
