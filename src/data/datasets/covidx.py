"""COVIDx: lists of images as text files, in any of their versions, and folders of images.

Axes: N images, F classes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from src.core.errors import UserError
from src.data.catalogue import Catalogue, Entry
from src.data.reader import Reader

_LIST = re.compile(r"train(?:_(COVIDx(?:_?CXR-)?\d*[A-Z]?))?\.txt")
_LINE = re.compile(
    r"(?P<names>.*\S)\s+(?P<label>normal|pneumonia|COVID-19|negative|positive)(?:\s+\S+)?", re.IGNORECASE
)
_SUFFIX = re.compile(r"\.(?:png|jpe?g)", re.IGNORECASE)
_KAGGLE = "kaggle"
_KNOWN = {30_386: "COVIDx CXR-3", 84_818: "COVIDx CXR-4"}
_CLASSES = {3: ("normal", "pneumonia", "COVID-19"), 2: ("negative", "positive")}
_AS_TWO = {"normal": "negative", "pneumonia": "negative", "COVID-19": "positive"}
_SPELLING = {name.lower(): name for names in _CLASSES.values() for name in names}
_SPLITS = ("train", "val", "test")


class _Line(NamedTuple):
    split: str
    patient: str
    name: str
    label: str
    row: int


@dataclass(frozen=True, kw_only=True)
class CovidxReader(Reader):
    """The images of train, val (CXR-4 has one) and test, in the order of the lists; the class as one column of several.

    A line is "patient file class source", the source missing in old versions; patient and file may hold spaces.
    ``version``: what stands between "train_" and ".txt" in the list's name, or "kaggle" for a plain train.txt; null:
    the one version that is there. ``classes``: 3 for normal, pneumonia, COVID-19; 2 for negative, positive, as which
    lists of three are read too.

    The owner's lists are not free of patients who lie on two sides (COVIDx6 has one in train and test): their
    training images are left out, and counted in a note.

    Raises ``UserError`` for a line that is none of these, for a file that is listed twice with different words, and
    for three classes asked of lists of two. Source: https://github.com/lindawangg/COVID-Net/blob/master/docs/COVIDx.md.
    """

    title: ClassVar[str] = "COVIDx"
    where: ClassVar[str] = "https://github.com/lindawangg/COVID-Net/blob/master/docs/COVIDx.md"
    marks: ClassVar[Mapping[str, tuple[str, ...]]] = {"train*.txt": (), "test*.txt": ()}

    version: str | None
    classes: Literal[2, 3]

    @classmethod
    def recognises(cls, folder: Path) -> bool:
        return any(_LINE.fullmatch(_lines(lists["train"])[0]) for lists in _versions(folder).values())

    def read(self) -> Catalogue:
        folder = self.folder()
        version, lists = self._choose(folder)
        root = self._images(folder)
        files = {split: _files(root / split) for split in lists}
        lines = [line for split, path in lists.items() for line in _read_list(split, path, files[split])]
        kept, notes = _without_repeats(lines, lists)
        found = {line.label for line in kept}
        if self.classes == 3 and not found <= set(_CLASSES[3]):
            raise UserError(
                f"{self.title}: the lists of version {version} know {' and '.join(sorted(found))}, not three classes; "
                "set dataset.reader.classes=2, or take a version of three"
            )
        names = _CLASSES[self.classes]
        label_N = [line.label if line.label in names else _AS_TWO[line.label] for line in kept]
        known = _KNOWN.get(len({line.name for line in lines}), "") if version == _KAGGLE else ""
        return Catalogue(
            root=root,
            finding_names=names,
            entries=[
                Entry(
                    file=f"{line.split}/{files[line.split].get(line.name.lower(), line.name)}",
                    image_id=line.name,
                    patient=line.patient,
                    row=line.row,
                    split=line.split,
                )
                for line in kept
            ],
            label_NF=np.array([[label == name for name in names] for label in label_N], dtype=np.float32),
            version=f"{known or version}: {len(kept):,} images of {len({line.patient for line in kept}):,} patients, "
            f"{', '.join(f'{sum(line.label == name for line in kept):,} {name}' for name in sorted(found))}",
            notes=notes,
        )

    def _choose(self, folder: Path) -> tuple[str, dict[str, Path]]:
        versions = _versions(folder)
        there = ", ".join(versions) or "none with both train and test"
        if self.version is not None:
            if self.version not in versions:
                raise UserError(f"{self.title}: there is no dataset.reader.version={self.version} in {folder}: {there}")
            return self.version, versions[self.version]
        if len(versions) != 1:
            raise UserError(f"{self.title}: choose dataset.reader.version of those in {folder}: {there}")
        return next(iter(versions.items()))

    def _images(self, folder: Path) -> Path:
        """The folder of the folders of images: that of the lists, or the one above it."""
        for root in (folder, folder.parent):
            if all((root / split).is_dir() for split in ("train", "test")):
                return root
        raise UserError(
            f"{self.title} is not complete: there are lists in {folder}, but no folders train and test of images "
            f"beside or above them. Get the data at {self.where}"
        )


def _versions(folder: Path) -> dict[str, dict[str, Path]]:
    """The lists in ``folder`` by version: those with both train and test."""
    versions: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.glob("train*.txt")):
        match = _LIST.fullmatch(path.name)
        lists = {split: path.with_name(path.name.replace("train", split, 1)) for split in _SPLITS}
        if match and lists["test"].is_file():
            versions[match[1] or _KAGGLE] = {split: file for split, file in lists.items() if file.is_file()}
    return versions


def _lines(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise UserError(f"the list {path} is not UTF-8; save it as UTF-8") from None
    return lines or [""]


def _read_list(split: str, path: Path, on_disk: Mapping[str, str]) -> list[_Line]:
    read: list[_Line] = []
    wrong: list[int] = []
    for row, text in enumerate(_lines(path), start=1):
        match = _LINE.fullmatch(text)
        halves = _halves(match["names"], on_disk) if match else None
        if match and halves:
            read.append(_Line(split, *halves, _SPELLING[match["label"].lower()], row))
        elif text:
            wrong.append(row)
    if wrong:
        raise UserError(
            f"{path}, line {wrong[0]}: {len(wrong)} line(s) are not 'patient file class source', with a .png, .jpg or "
            f".jpeg and a class of {', '.join(_SPELLING.values())}; correct them or take them out"
        )
    return read


def _halves(names: str, on_disk: Mapping[str, str]) -> tuple[str, str] | None:
    """Patient and file of a line; of several words, the longest file that is there, else the last word is the file."""
    words = names.split()
    if len(words) < 2 or not _SUFFIX.fullmatch(Path(words[-1]).suffix):
        return None
    cut = len(words) - 1
    if cut > 1:
        cut = next((n for n in range(1, len(words)) if " ".join(words[n:]).lower() in on_disk), cut)
    return " ".join(words[:cut]), " ".join(words[cut:])


def _files(folder: Path) -> dict[str, str]:
    """The names in ``folder`` by their lower case; a list may spell a file's ending otherwise than the file."""
    return {path.name.lower(): path.name for path in folder.iterdir()} if folder.is_dir() else {}


def _without_repeats(lines: list[_Line], lists: Mapping[str, Path]) -> tuple[list[_Line], tuple[str, ...]]:
    """Each file once, and no training image of a patient who is held out."""
    first: dict[str, _Line] = {}
    repeats = 0
    for line in lines:
        other = first.setdefault(line.name, line)
        if other is not line and other._replace(row=0) != line._replace(row=0):
            raise UserError(
                f"{lists[line.split]}, line {line.row}: the file is also in line {other.row} of "
                f"{lists[other.split].name}, with another patient, class or split; take one out"
            )
        repeats += other is not line
    held_out = {line.patient for line in first.values() if line.split != "train"}
    kept = [line for line in first.values() if line.split != "train" or line.patient not in held_out]
    notes = []
    if repeats:
        notes.append(f"{repeats} line(s) repeat another and count once.")
    if len(kept) < len(first):
        notes.append(f"{len(first) - len(kept)} training image(s) of patients who are also held out are left out.")
    return kept, tuple(notes)
