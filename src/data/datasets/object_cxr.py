"""Object-CXR of JF Healthcare: foreign objects outlined by rectangles, ellipses and polygons.

Axes: N images, F = 1 finding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

import numpy as np

from src.core.errors import UserError
from src.data.catalogue import Box, Catalogue, Entry, Mask, OverhangingBox
from src.data.outlines import Ellipse, Outline, Polygon, Rectangle
from src.data.published_polygon_box import published_box
from src.data.reader import Reader, index_files
from src.data.row_checks import refuse_rows
from src.data.tables import read_table, require_columns, require_values

FINDING = "Foreign Object"

_SPLITS = ("train", "dev")
_IMAGES = (8000, 1000)
_SUFFIXES = (".jpg", ".jpeg", ".png")

PolygonBoxes = Literal["published", "tight"]


@dataclass(frozen=True, kw_only=True)
class ObjectCxrReader(Reader):
    """Images with a box and a mask around each object; an image without one is a negative.

    ``root``: the folder of ``train.csv``, ``dev.csv``, ``train/`` and ``dev/``, or one above it. Both releases of the
    tables are read: ``image_name`` holds a name, ``image_path`` of the older one a path of which the name counts. An
    image's id is its folder and its name without ending; patients are not known, so each image is its own. Rows are
    those of the table of the split, train first. ``polygon_boxes``: whether a polygon's box is tight, or the larger one
    of ``src.data.published_polygon_box``.
    """

    polygon_boxes: PolygonBoxes

    title: ClassVar[str] = "Object-CXR"
    where: ClassVar[str] = "https://academictorrents.com/details/fdc91f11d7010f7259a05403fc9d00079a09f5d5"
    marks: ClassVar[Mapping[str, tuple[str, ...]]] = {"train.csv": ("annotation",), "dev.csv": ("annotation",)}

    def read(self) -> Catalogue:
        folder = self.folder()
        entries: list[Entry] = []
        counts: list[int] = []
        for split in _SPLITS:
            part = _read_split(folder, split, self.polygon_boxes)
            entries += part
            counts.append(len(part))
        train, dev = counts
        known = "Object-CXR: " if (train, dev) == _IMAGES else "no version known: "
        besides = "" if (train, dev) == _IMAGES else f"; the released one has {_IMAGES[0]:,} and {_IMAGES[1]:,}"
        return Catalogue(
            root=folder,
            finding_names=(FINDING,),
            entries=entries,
            label_NF=np.array([[bool(entry.boxes)] for entry in entries], dtype=np.float32),
            version=f"{known}{train:,} train and {dev:,} dev images{besides}",
        )


def _read_split(folder: Path, split: str, polygon_boxes: PolygonBoxes) -> list[Entry]:
    path = folder / f"{split}.csv"
    frame = read_table(path)
    column = "image_path" if "image_path" in frame.columns else "image_name"
    require_columns(frame, path, {column: column, "annotation": "annotation"})
    require_values(frame, path, column)
    frame["name"] = [PurePosixPath(text.strip().replace("\\", "/")).name for text in frame[column]]
    again_N = frame["name"].duplicated().to_numpy()
    refuse_rows(again_N, path, column, "name the image of an earlier row", "keep one row an image")
    files = index_files(folder, _SUFFIXES, below=split)
    entries = []
    for row, (name, annotation) in enumerate(zip(frame["name"], frame["annotation"], strict=True), start=1):
        outlines = _outlines(annotation, path, row)
        entries.append(
            Entry(
                file=files.get(PurePosixPath(name).stem, f"{split}/{name}"),
                image_id=f"{split}/{PurePosixPath(name).stem}",
                patient=f"{split}/{PurePosixPath(name).stem}",
                row=row,
                split=split,
                boxes=tuple(_box(outline, row, polygon_boxes) for outline in outlines),
                masks=tuple(Mask(0, outline, row) for outline in outlines),
            )
        )
    return entries


def _outlines(annotation: str, path: Path, row: int) -> list[Outline]:
    try:
        return [_outline(shape) for shape in annotation.split(";") if shape.strip()]
    except ValueError as error:
        raise UserError(
            f"the table {path}, row {row}, column 'annotation': {error}; correct the row or get the table again"
        ) from None


def _outline(shape: str) -> Outline:
    kind, *texts = shape.split()
    if kind not in ("0", "1", "2"):
        raise ValueError("a shape's type must be 0 (rectangle), 1 (ellipse) or 2 (polygon)")
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        raise ValueError("a shape has a coordinate that is no number") from None
    if not np.isfinite(numbers).all():
        raise ValueError("a shape has a coordinate that is no number")
    if kind == "2":
        if len(numbers) % 2 or len(numbers) < 6:
            raise ValueError(f"a polygon has {len(numbers)} numbers, and needs pairs of x and y of 3 corners or more")
        outline: Outline = Polygon(tuple(numbers))
    elif len(numbers) != 4:
        raise ValueError(f"a rectangle or ellipse has {len(numbers)} numbers, and needs x1 y1 x2 y2")
    else:
        outline = (Rectangle if kind == "0" else Ellipse)(*numbers)
    left, top, right, bottom = _bounds(outline)
    if right <= left or bottom <= top:
        raise ValueError("a shape has no area: x2 must lie right of x1 and y2 below y1")
    return outline


def _box(outline: Outline, row: int, polygon_boxes: PolygonBoxes) -> Box:
    if polygon_boxes == "published" and isinstance(outline, Polygon):
        return OverhangingBox(0, *published_box(outline.corners), row)
    return Box(0, *_bounds(outline), row)


def _bounds(outline: Outline) -> tuple[float, float, float, float]:
    if isinstance(outline, Polygon):
        x, y = outline.corners[0::2], outline.corners[1::2]
        return min(x), min(y), max(x), max(y)
    assert isinstance(outline, Rectangle | Ellipse)
    return outline.left, outline.top, outline.right, outline.bottom
