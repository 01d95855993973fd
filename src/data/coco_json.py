"""Reads a COCO json and says plainly what is wrong with it; outlines are in ``coco_outlines``.

The format: cocodataset.org/#format-data. Boxes are left, top, width, height there, and outer edges here.
Axes: M annotations.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np

from src.core.errors import UserError
from src.data.coco_outlines import read_outline
from src.data.coco_records import Number, first_repeated, load_records, merge_categories
from src.data.outlines import Outline

OVERHANG = 0.01
"""Of a side: by so much annotators' boxes may reach out of the image, and are cut."""


class CocoMark(NamedTuple):
    """One annotation. ``edge_4``: left, top, right, bottom in the image; ``crowd``: it marks many things at once."""

    number: Number
    category: Number
    edge_4: tuple[float, float, float, float]
    outline: Outline | None
    crowd: bool


@dataclass(frozen=True)
class CocoImage:
    """One image: its own number, file, size in pixels and annotations.

    ``name``: of the file, as the json has it; ``file``: the same with the slashes of this machine.
    """

    number: Number
    name: str
    height: int
    width: int
    marks: list[CocoMark]

    @property
    def file(self) -> str:
        # Label Studio on Windows writes images\\1\\a.png
        return PureWindowsPath(self.name).as_posix() if "\\" in self.name else self.name


class Coco(NamedTuple):
    """What a COCO json holds. ``categories``: name by number, in the order of the numbers."""

    path: Path
    images: Sequence[CocoImage]
    categories: Mapping[Number, str]


def read_coco(path: Path) -> Coco:
    """The images of ``path`` with their annotations.

    Raises ``UserError`` naming the file and what in it cannot be right: no COCO, a key that is missing or of the wrong
    type, numbers that repeat or point nowhere, a box without area or outside its image, a broken segmentation.
    """
    content = load_records(path)
    categories, taken_as = merge_categories(path, content["categories"])
    images = {
        one["id"]: CocoImage(one["id"], one["file_name"].strip(), one["height"], one["width"], [])
        for one in content["images"]
    }
    for image in images.values():
        if image.height < 1 or image.width < 1:
            raise UserError(f"{path}: image {image.number} has a height or width below 1; correct them")
    repeated = first_repeated([image.file for image in images.values()])
    if repeated is not None:
        raise UserError(f"{path}: two images have the file {Path(repeated).name}; list each file once")
    found = content["annotations"]
    for key, known, what in (("image_id", images, "image"), ("category_id", taken_as, "category")):
        absent = [one for one in found if one[key] not in known]
        if absent:
            raise UserError(
                f"{path}: annotation {absent[0]['id']} is of {what} {absent[0][key]!r}, which is not there, as are "
                f"{len(absent)} in all; correct them or take them out"
            )
    _check_boxes(path, found, images)
    for one in found:
        image = images[one["image_id"]]
        try:
            outline = read_outline(one.get("segmentation"), image.height, image.width, OVERHANG)
        except ValueError as error:
            raise UserError(f"{path}: annotation {one['id']} {error}; correct it or take it out") from None
        left, top, width, height = map(float, one["bbox"])
        edges = (max(left, 0.0), max(top, 0.0), min(left + width, image.width), min(top + height, image.height))
        image.marks.append(CocoMark(one["id"], taken_as[one["category_id"]], edges, outline, _is_crowd(one, path)))
    return Coco(path, list(images.values()), categories)


def _is_crowd(one: Mapping[str, Any], path: Path) -> bool:
    crowd = one.get("iscrowd", 0)
    if crowd not in (0, 1):
        raise UserError(f"{path}: annotation {one['id']} has iscrowd {crowd!r}, which is neither 0 nor 1; correct it")
    return bool(crowd)


def _check_boxes(path: Path, found: Sequence[dict[str, Any]], images: Mapping[int, CocoImage]) -> None:
    for one in found:
        numbers = [value for value in one["bbox"] if isinstance(value, int | float) and not isinstance(value, bool)]
        if not (len(numbers) == len(one["bbox"]) == 4 and all(map(math.isfinite, numbers))):
            raise UserError(f"{path}: the bbox of annotation {one['id']} is not four numbers; correct it")
    if not found:
        return
    box_M4 = np.array([one["bbox"] for one in found], dtype=np.float64)
    size_M2 = np.array([(images[one["image_id"]].width, images[one["image_id"]].height) for one in found])
    outside_M = _outside(box_M4[:, :2], box_M4[:, :2] + box_M4[:, 2:], size_M2)
    _refuse_edges(path, box_M4, size_M2, outside_M)
    flat_M = (np.minimum(box_M4[:, :2] + box_M4[:, 2:], size_M2) - np.maximum(box_M4[:, :2], 0) <= 0).any(axis=1)
    for bad_M, what in (
        ((box_M4[:, 2:] <= 0).any(axis=1), "has no area"),
        (outside_M, "reaches out of its image"),
        (flat_M, "has no area inside its image"),
    ):
        if bad_M.any():
            first = found[int(np.flatnonzero(bad_M)[0])]
            raise UserError(
                f"{path}: the box of annotation {first['id']} (image {first['image_id']}) {what}, as do {bad_M.sum()} "
                "in all; a bbox is left, top, width, height in pixels: correct it or take it out"
            )


def _outside(low_M2: np.ndarray, high_M2: np.ndarray, size_M2: np.ndarray) -> np.ndarray:
    slack_M2 = OVERHANG * size_M2
    beyond_M2 = (low_M2 < -slack_M2) | (high_M2 > size_M2 + slack_M2)
    return np.asarray(beyond_M2.any(axis=1))


def _refuse_edges(path: Path, box_M4: np.ndarray, size_M2: np.ndarray, outside_M: np.ndarray) -> None:
    """Raise ``UserError`` where the boxes make sense only as left, top, right, bottom."""
    real = (box_M4[:, 2:] > box_M4[:, :2]).all()
    if real and 2 * outside_M.sum() > len(outside_M) and not _outside(box_M4[:, :2], box_M4[:, 2:], size_M2).any():
        raise UserError(
            f"{path}: the boxes look like left, top, right, bottom ({outside_M.sum()} of {len(outside_M)} reach out of "
            "their image as left, top, width, height, which a COCO bbox is); write width = right - left and height = "
            "bottom - top in their place"
        )
