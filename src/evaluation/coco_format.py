"""Detections and objects in COCO's own form, which every tool of the field reads.

Images and findings have the ids of their owner's COCO json; without one an image has its row, and a finding its place
counted from 1. A box is left, top, width, height in pixels of the original image. Ignored regions are COCO's crowds,
one for every finding: a detection that lies in one counts neither for nor against.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from src.core.case_keys import CaseKeys
from src.core.dense import Detections, Objects


class JudgedImage(NamedTuple):
    """One image: what was found, what truly is there, both in its original pixels, and how many of these it has."""

    found: Detections
    objects: Objects
    height: int
    width: int


def coco_truth(
    images: Sequence[JudgedImage], keys: CaseKeys, names: Sequence[str], category_ids: Sequence[int | str]
) -> dict[str, Any]:
    """A COCO data set: images, categories, annotations (``iscrowd`` 1 for ignored regions).

    A file's name is the owner's for the image where there is one, and its row otherwise. Raises ValueError where an
    object's class is none of ``names``.
    """
    annotations: list[dict[str, Any]] = []
    for number, image in zip(image_ids(keys), images, strict=True):
        classes = image.objects.class_N.tolist()
        if not set(classes) <= set(range(len(names))):
            raise ValueError(f"image {number} has an object of class {max(classes)}, and there are {len(names)}.")
        marks = [
            (box, category_ids[finding], 0) for box, finding in zip(_xywh(image.objects.box_N4), classes, strict=True)
        ]
        marks += [(box, category, 1) for box in _xywh(image.objects.ignored_I4) for category in category_ids]
        for box, category, crowd in marks:
            # counted from 1: to COCO's code an annotation of number 0 is no match
            about = {"id": len(annotations) + 1, "image_id": number, "category_id": category, "iscrowd": crowd}
            annotations.append({**about, "bbox": box, "area": box[2] * box[3]})
    return {
        "images": [
            {"id": number, "width": image.width, "height": image.height, "file_name": name}
            for number, image, name in zip(image_ids(keys), images, file_names(keys), strict=True)
        ],
        "categories": [{"id": number, "name": name} for number, name in zip(category_ids, names, strict=True)],
        "annotations": annotations,
    }


def coco_results(
    images: Sequence[JudgedImage], keys: CaseKeys, category_ids: Sequence[int | str]
) -> list[dict[str, Any]]:
    """COCO's list of results: image_id, category_id, bbox, score."""
    return [
        {"image_id": number, "category_id": category_ids[finding], "bbox": box, "score": score}
        for number, image in zip(image_ids(keys), images, strict=True)
        for finding, box, score in zip(
            image.found.class_N.tolist(), _xywh(image.found.box_N4), image.found.score_N.tolist(), strict=True
        )
    ]


def image_ids(keys: CaseKeys) -> list[int | str]:
    """The id of each image in its owner's COCO json, or its row where there is none."""
    return list(keys.row_N.tolist() if keys.coco_id_N is None else keys.coco_id_N)


def file_names(keys: CaseKeys) -> list[str]:
    """What to call a file about each image: the owner's name of it where there is one, else its row."""
    if keys.image_id_N is not None:
        return list(keys.image_id_N)
    return [f"row_{row:06d}" for row in keys.row_N.tolist()]


def _xywh(box_N4: Tensor) -> list[list[float]]:
    box_N4 = box_N4.detach().cpu().float().clone()
    box_N4[:, 2:] -= box_N4[:, :2]
    return box_N4.tolist()
