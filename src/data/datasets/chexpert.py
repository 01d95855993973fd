"""CheXpert v1.0, full or small, and the split of the published code, made to keep patients apart.

Axes: N images, F findings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from src.core.errors import UserError
from src.data.catalogue import Catalogue, Entry
from src.data.reader import Reader
from src.data.row_checks import refuse_duplicates, refuse_rows
from src.data.sources import Split
from src.data.split_rules import Images, draw_patients
from src.data.tables import read_labels, read_table, require_columns

if TYPE_CHECKING:
    import pandas as pd

FINDINGS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
COMPETITION = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")

_VIEW = "Frontal/Lateral"
_COLUMNS = ("Path", "Sex", "Age", _VIEW, "AP/PA", *FINDINGS)
_TABLES = {"train": ("train.csv",), "valid": ("valid.csv",), "test": ("test_labels.csv", "test.csv")}
_FILE = r"study\d+/view\d+_(?P<view>frontal|lateral)\.jpg"
_PATH = rf"^(?:.*/)?(?P<split>train|valid|test)/(?P<patient>patient\d+)/(?P<file>{_FILE})$"
_ROWS = {"train": 223_414, "valid": 234}


@dataclass(frozen=True, kw_only=True)
class ChexpertReader(Reader):
    """The images of train.csv, valid.csv and, where its labels are there, the test set, with all fourteen labels.

    ``views``: which of Frontal and Lateral count. The first folder in a row's path is the distribution's own and
    need not be there. Training images lie in ``train``, or in the batches of the full download ("... (train 1)").

    Raises ``UserError`` for a path of another form, a path given twice, a view or a label out of its range.
    Source: https://stanfordmlgroup.github.io/competitions/chexpert/.
    """

    title: ClassVar[str] = "CheXpert"
    where: ClassVar[str] = "https://stanfordmlgroup.github.io/competitions/chexpert/"
    marks: ClassVar[Mapping[str, tuple[str, ...]]] = {"train.csv": _COLUMNS, "valid.csv": _COLUMNS}

    views: Sequence[Literal["Frontal", "Lateral"]]

    def read(self) -> Catalogue:
        folder = self.folder()
        root, below, batch = self._images(folder)
        entries: list[Entry] = []
        labels: list[np.ndarray] = []
        rows: dict[str, int] = {}
        small = False
        for split, names in _TABLES.items():
            path = next((folder / name for name in names if (folder / name).is_file()), None)
            if path is None:
                continue
            table = read_table(path)
            parts = _parts(table, path, split)
            wanted_N = parts["view"].isin(list(self.views)).to_numpy()
            labels.append(read_labels(table, path, FINDINGS, "written")[wanted_N])
            rows[split] = len(table)
            small |= bool(table["Path"].str.startswith("CheXpert-v1.0-small/").any())
            for row, patient, file, view in parts[wanted_N][["patient", "file", "view"]].itertuples():
                inside = f"{split}/{patient}/{file}"
                in_batch = batch.get(patient) if split == "train" else None
                entries.append(
                    Entry(
                        file=f"{in_batch}/{patient}/{file}" if in_batch else below + inside,
                        image_id=inside.removesuffix(".jpg"),
                        patient=patient,
                        row=int(row) + 1,
                        split=split,
                        view=view,
                    )
                )
        return Catalogue(
            root=root,
            finding_names=FINDINGS,
            entries=entries,
            label_NF=np.concatenate(labels),
            version=_version(small, rows),
        )

    def _images(self, folder: Path) -> tuple[Path, str, dict[str, str]]:
        """The folder that files are below, the tables' folder below that, and the batch of each patient, if any."""
        batches = [] if (folder / "train").is_dir() else sorted(folder.parent.glob("*(train *)"))
        for split in ("train", "valid"):
            if not (folder / split).is_dir() and not (split == "train" and batches):
                raise UserError(
                    f"{self.title} is not complete: there is no folder {split} of images in {folder}. Get the data at "
                    f"{self.where}"
                )
        if not batches:
            return folder, "", {}
        batch = {patient.name: folder.name for folder in batches for patient in folder.iterdir()}
        return folder.parent, f"{folder.name}/", batch


def _parts(table: "pd.DataFrame", path: Path, split: str) -> "pd.DataFrame":
    """``patient``, ``file`` below the patient's folder, and ``view`` of each row."""
    require_columns(table, path, {column: column for column in ("Path", *FINDINGS)})
    parts = table["Path"].str.extract(_PATH)
    wrong_N = (parts["split"] != split).to_numpy()
    what = f"are not of the form .../{split}/patient00001/study1/view1_frontal.jpg"
    refuse_rows(wrong_N, path, "Path", what, "correct the table")
    refuse_duplicates(table, path, ["Path"])
    parts["view"] = parts["view"].str.capitalize()
    if _VIEW in table.columns:
        parts["view"] = table[_VIEW]
    wrong_N = (~parts["view"].isin(["Frontal", "Lateral"])).to_numpy()
    refuse_rows(wrong_N, path, _VIEW, "hold neither Frontal nor Lateral", "correct the table")
    return parts


def _version(small: bool, rows: Mapping[str, int]) -> str:
    counts = ", ".join(f"{count:,} {split}" for split, count in rows.items())
    if all(rows.get(split) == count for split, count in _ROWS.items()):
        return f"v1.0{'-small' if small else ''}: {counts} images"
    return f"no version known: {counts} images; v1.0 has {_ROWS['train']:,} train and {_ROWS['valid']:,} valid"


class ChexpertSplit:
    """Train, validation and test as the published code means them, with every patient on one side.

    5x200, as published: for each of the five competition findings, ``per_class`` images of the owner's train, drawn by
    ``seed`` of those positive for it and 0 or blank for every other finding. Every image of their patients leaves
    train; those that were not drawn lie in no split. Then whole patients are drawn by ``seed`` into validation until
    it has ``val_images``. ``test``: the owner's valid, or 5x200; train and validation are the same for both.

    The released code takes single images out, so that its train holds other images of the patients of its validation
    and of 5x200; and 4,890 of its 5,000 validation images themselves, since it drops rows by position, not by label.
    """

    def __init__(self, *, test: Literal["official", "5x200"], per_class: int, val_images: int, seed: int) -> None:
        if per_class < 0 or val_images < 0:
            raise UserError("dataset.split.per_class and dataset.split.val_images must be 0 or more")
        self.test = test
        self.per_class = per_class
        self.val_images = val_images
        self.seed = seed

    def assign(self, images: Images) -> dict[Split, np.ndarray]:
        """Raises ``UserError`` where a finding has too few images, or the numbers leave none to train on."""
        train = np.flatnonzero(np.asarray(images.split_N) == "train")
        chosen = self._five_times(images, train)
        left = train[~np.isin(images.patient_N[train], images.patient_N[chosen])]
        held_out = draw_patients(images.patient_N[left], count=self.val_images, seed=self.seed)
        if held_out.all():
            raise UserError(
                f"dataset.split.val_images={self.val_images} leaves no image to train on: {len(left)} images are left "
                "once those of the patients of 5x200 are taken out; ask for fewer"
            )
        official = np.flatnonzero(np.asarray(images.split_N) == "valid")
        return {"train": left[~held_out], "val": left[held_out], "test": chosen if self.test == "5x200" else official}

    def _five_times(self, images: Images, train: np.ndarray) -> np.ndarray:
        lacking = [name for name in FINDINGS if name not in images.finding_names]
        if lacking:
            raise UserError(f"dataset.split: 5x200 needs the finding {lacking[0]!r}, which the data set does not have")
        findings = [name for name in FINDINGS if name != "No Finding"]
        label_NF = images.label_NF[train][:, [images.finding_names.index(name) for name in findings]]
        clear_NF = np.isnan(label_NF) | (label_NF == 0)
        chosen = []
        for name in COMPETITION:
            position = findings.index(name)
            others_N = np.delete(clear_NF, position, axis=1).all(axis=1)
            alone = train[(label_NF[:, position] == 1) & others_N]
            if len(alone) < self.per_class:
                raise UserError(
                    f"dataset.split.per_class={self.per_class}: only {len(alone)} training image(s) have {name} and no "
                    "other finding; ask for fewer"
                )
            # the same draw as pandas' sample(n, random_state=seed), which the published code takes
            chosen.append(alone[np.random.RandomState(self.seed).choice(len(alone), self.per_class, replace=False)])
        return np.sort(np.concatenate(chosen))
