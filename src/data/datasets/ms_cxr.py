"""MS-CXR: phrases of MIMIC-CXR's reports and the boxes that radiologists drew for them, in PhysioNet's layout.

Axes: A annotations, each one box of one phrase.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from src.core.errors import UserError
from src.data.catalogue import Box, Catalogue, Entry, Mask
from src.data.files_there import files_there
from src.data.outlines import Rectangle
from src.data.phrases import Said, phrased_report
from src.data.reader import Reader
from src.data.row_checks import read_numbers, refuse_rows
from src.data.tables import read_table, require_columns, require_values

if TYPE_CHECKING:
    import pandas as pd

_TABLE = "MS_CXR_Local_Alignment_v[0-9].[0-9].[0-9].[cj]s[vo]*"
_TEXTS = ("dicom_id", "category_name", "label_text", "path")
_SIDES = ("x", "y", "w", "h")
_SIZES = ("image_width", "image_height")
_TOLERANCE = 0.01
# of the images: MIMIC-CXR-JPG, or the DICOM files of MIMIC-CXR
_SUFFIXES = (".jpg", ".dcm")
_PROBES = 1000


@dataclass(frozen=True, kw_only=True)
class MsCxrReader(Reader):
    """Every annotated image with its phrases and their boxes; several boxes of one category and phrase are one phrase.

    ``root``: the folder of ``MS_CXR_Local_Alignment_v*.json`` or ``.csv``, or one above; of several files the newest,
    and JSON before CSV, counts. ``image_root``: the folder of MIMIC-CXR-JPG (or MIMIC-CXR) that holds ``files/p10``;
    null looks in the same tree, and in ``mimic-cxr-jpg`` and ``mimic-cxr`` beside it. Categories are those of the file,
    so that anyone's own phrases in this format can be read. Rows are those of the CSV, or the places in the JSON's list
    of annotations. A category that an image has a phrase of is present, others are blank.

    Raises ``UserError`` for a blank phrase, id or category, a box of no area or outside its image, an image of two
    sizes or splits, and where no image is found. An image of another size than the one annotated is refused when it is
    packed.
    Source: https://physionet.org/content/ms-cxr/ (Boecking et al., ECCV 2022).
    """

    title: ClassVar[str] = "MS-CXR"
    where: ClassVar[str] = (
        "https://physionet.org/content/ms-cxr/ (credentialed access); its images are those of MIMIC-CXR-JPG"
    )
    marks: ClassVar[Mapping[str, tuple[str, ...]]] = {_TABLE: ()}

    image_root: str | None

    def read(self) -> Catalogue:
        path = self.file(self.folder(), _TABLE)
        frame, box_A4 = _checked(_annotations(path), path)
        root, suffix = self._find_images(path.parent, sorted(set(frame["path"])))
        names = tuple(sorted(set(frame["category_name"])))
        groups = list(frame.groupby("dicom_id", sort=False))
        entries = [_entry(group, box_A4, names, suffix) for _, group in groups]
        there = [set(group["category_name"]) for _, group in groups]
        label_NF = np.array([[1.0 if name in own else np.nan for name in names] for own in there], dtype=np.float32)
        phrases = len(frame.drop_duplicates(["dicom_id", "category_name", "label_text"]))
        version = path.stem.rpartition("_v")[2]
        return Catalogue(
            root=root,
            finding_names=names,
            entries=entries,
            label_NF=label_NF,
            version=f"{version}: {phrases:,} phrases, {len(frame):,} boxes, {len(entries):,} images",
        )

    def _find_images(self, folder: Path, files: list[str]) -> tuple[Path, str]:
        """Where the images lie, and their suffix."""
        probe = [Path(file) for file in files[:: -(-len(files) // _PROBES)]]
        places = list(_places(Path(self.image_root)) if self.image_root is not None else _places_beside(folder))
        for place in places:
            for suffix in _SUFFIXES:
                if any(files_there(place / file.with_suffix(suffix) for file in probe)):
                    return place, suffix
        looked = self.image_root or f"{folder} and in mimic-cxr-jpg and mimic-cxr beside it"
        raise UserError(
            f"{self.title}: looked for its images (files/p10/p10000032/s50414267/ID.jpg of MIMIC-CXR-JPG) in {looked} "
            "and found none; give dataset.reader.image_root=DIR"
        )


@dataclass(frozen=True, slots=True)
class SizedBox:
    """A filled box on an image that must have the size that it was drawn on."""

    box: Rectangle
    width: int
    height: int

    def draw(self, height: int, width: int) -> np.ndarray:
        if (height, width) != (self.height, self.width):
            raise ValueError(
                f"has {width} x {height} pixels and was annotated at {self.width} x {self.height}: take it at full size"
            )
        return self.box.draw(height, width)


def _entry(group: "pd.DataFrame", box_A4: np.ndarray, names: tuple[str, ...], suffix: str) -> Entry:
    first = group.iloc[0]
    said, boxes, masks = [], [], []
    for (category, text), own in group.groupby(["category_name", "label_text"], sort=False):
        said.append(Said(str(text), len(own)))
        for place in own.index.tolist():
            left, top, right, bottom = box_A4[place].tolist()
            box = Box(names.index(category), left, top, right, bottom, place + 1)
            boxes.append(box)
            size = (int(first["image_width"]), int(first["image_height"]))
            masks.append(Mask(box.finding, SizedBox(Rectangle(left, top, right, bottom), *size), box.row))
    # files/p10/p10000032/s50414267/ID.jpg names the patient
    folders = Path(first["path"]).parts
    return Entry(
        file=Path(first["path"]).with_suffix(suffix).as_posix(),
        image_id=first["dicom_id"],
        patient=folders[-3].removeprefix("p") if len(folders) > 2 else first["dicom_id"],
        row=int(group.index[0]) + 1,
        split=first["split"],
        report=phrased_report(said),
        boxes=tuple(boxes),
        masks=tuple(masks),
    )


def _annotations(path: Path) -> "pd.DataFrame":
    """One row an annotation, in the columns of the owner's CSV, every cell as text."""
    import pandas as pd

    if path.suffix == ".csv":
        frame = read_table(path)
        require_columns(frame, path, {name: name for name in (*_TEXTS, *_SIDES, *_SIZES)})
        return frame if "split" in frame.columns else frame.assign(split="")
    try:
        whole = json.loads(path.read_text(encoding="utf-8-sig"))
        images = {image["id"]: image for image in whole["images"]}
        categories = {category["id"]: category["name"] for category in whole["categories"]}
        annotations = list(whole["annotations"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"{path} is no annotation file of MS-CXR: it needs the lists images, annotations and categories, as COCO "
            "has them; get it again"
        ) from error
    if not annotations:
        raise UserError(f"{path} has no annotations; get it again")
    rows = [_row(annotation, images, categories, path, place) for place, annotation in enumerate(annotations, start=1)]
    return pd.DataFrame(rows).astype(str)


def _row(annotation: Any, images: dict[Any, Any], categories: dict[Any, str], path: Path, place: int) -> dict[str, Any]:
    """One annotation of the JSON as the owner's own script writes it to the CSV."""
    try:
        image = images[annotation["image_id"]]
        left, top, width, height = annotation["bbox"]
        return {
            "dicom_id": Path(image["file_name"]).stem,
            "category_name": categories[annotation["category_id"]],
            "label_text": annotation["label_text"],
            "path": image["path"],
            **dict(zip(_SIDES, (left, top, width, height), strict=True)),
            "image_width": image["width"],
            "image_height": image["height"],
            "split": annotation.get("split", image.get("split", "")),
        }
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path}, annotation {place}: it needs image_id and category_id of an image and a category that the file "
            "lists, bbox of four numbers and label_text, and its image file_name, path, width and height; correct it"
        ) from error


def _checked(frame: "pd.DataFrame", path: Path) -> tuple["pd.DataFrame", np.ndarray]:
    """The annotations with their texts trimmed, and left, top, right, bottom of each box, (A, 4)."""
    frame = frame.assign(**{name: frame[name].str.split().str.join(" ") for name in (*_TEXTS, "split")})
    for name in _TEXTS:
        require_values(frame, path, name)
    outside_A = frame["path"].str.contains(r"^/|(?:^|/)\.\.(?:/|$)", regex=True).to_numpy()
    refuse_rows(outside_A, path, "path", "lead out of the folder of images", "write the path below it")
    number_A6 = read_numbers(frame, path, (*_SIDES, *_SIZES))
    for column, number_A in zip((*_SIDES, *_SIZES), number_A6.T, strict=True):
        refuse_rows(np.isnan(number_A), path, column, "hold no number", "fill it in")
    corner_A2, extent_A2, size_A2 = number_A6[:, :2], number_A6[:, 2:4], number_A6[:, 4:]
    advice = "correct it or take the annotation out"
    for side, (start, extent) in enumerate((("x", "w"), ("y", "h"))):
        refuse_rows(extent_A2[:, side] <= 0, path, extent, "hold a box of no area", advice)
        over_A = np.maximum(-corner_A2[:, side], (corner_A2 + extent_A2 - size_A2)[:, side])
        outside_A = over_A > _TOLERANCE * size_A2[:, side]
        refuse_rows(outside_A, path, start, "hold a box that reaches out of its image", advice)
    for column, what in (("image_width", "sizes"), ("image_height", "sizes"), ("path", "paths"), ("split", "splits")):
        several_A = (frame.groupby("dicom_id")[column].transform("nunique") > 1).to_numpy()
        refuse_rows(several_A, path, column, f"belong to an image that is given several {what}", "correct the file")
    sizes = {name: number_A6[:, 4 + place].astype(int) for place, name in enumerate(_SIZES)}
    return frame.assign(**sizes), np.concatenate([corner_A2, corner_A2 + extent_A2], axis=1)


def _places_beside(folder: Path) -> Iterator[Path]:
    """Where people keep the images: in the same tree, or beside it up to three levels up."""
    for base in [folder, *list(folder.parents)[:3]]:
        yield from _places(base)


def _places(base: Path) -> Iterator[Path]:
    yield base
    for pattern in ("mimic-cxr-jpg*", "mimic-cxr-jpg/2.*", "mimic-cxr", "mimic-cxr/2.*"):
        yield from sorted(base.glob(pattern), reverse=True)
