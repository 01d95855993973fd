"""One image of a data set, read, checked, shrunk and encoded: a row of the store.

Axes: H and W pixels, N boxes.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from src.data.appearance import look, spread, tone
from src.data.catalogue import Box, Entry, Mask, OverhangingBox
from src.data.image_io import ImageError, read_image
from src.data.resize import frame, place, shrink
from src.data.run_lengths import encode_mask
from src.data.store.recipe import Codec, Recipe

_TOLERANCE = 0.01
_NO_HASH = bytes(32)


def pack_image(
    entry: Entry, labels: Sequence[float], *, root: Path, report_root: Path | None, recipe: Recipe
) -> dict[str, Any]:
    """The store's row of ``entry``; where its image or an annotation cannot be used, ``problem`` says why."""
    row = _of_tables(entry, labels, report_root)
    path = root / entry.file
    try:
        image_HW = read_image(path, dicom_scale=recipe.dicom_scale)
        placement = place(*image_HW.shape, size=recipe.size, pad=recipe.pad, resize=recipe.resize)
        boxes = _boxes(entry.boxes, *image_HW.shape)
        masks = _masks(entry.masks, *image_HW.shape)
    except ImageError as error:
        return row | _nothing(str(error))
    except ValueError as error:
        return row | _nothing(f"{path.name} {error}")
    inner_HW = shrink(image_HW, placement, resize=recipe.resize)
    return row | {
        "boxes": boxes,
        "masks": masks,
        "sha256": hashlib.sha256(path.read_bytes()).digest(),
        "height": image_HW.shape[0],
        "width": image_HW.shape[1],
        "look": look(inner_HW),
        "tone": tone(inner_HW),
        "spread": spread(inner_HW),
        "problem": "",
        "image": encode(frame(inner_HW, placement), recipe.codec),
    }


def encode(image_HW: np.ndarray, codec: Codec) -> bytes:
    """A grey uint8 image as the store keeps it."""
    if codec == "raw":
        return image_HW.tobytes()
    import cv2

    options = [cv2.IMWRITE_PNG_COMPRESSION, 6] if codec == "png" else [cv2.IMWRITE_JPEG_QUALITY, 95]
    return bytes(cv2.imencode(f".{codec}", image_HW, options)[1].tobytes())


def decode(data: memoryview, height: int, width: int, codec: Codec) -> np.ndarray:
    """The image again, uint8 (height, width); ``raw`` is a read-only view of ``data``."""
    array = np.frombuffer(data, dtype=np.uint8)
    if codec == "raw":
        return array.reshape(height, width)
    import cv2

    return np.asarray(cv2.imdecode(array, cv2.IMREAD_GRAYSCALE))


def _of_tables(entry: Entry, labels: Sequence[float], report_root: Path | None) -> dict[str, Any]:
    report = entry.report
    if entry.report_file and report_root is not None and (report_root / entry.report_file).is_file():
        report = (report_root / entry.report_file).read_text(encoding="utf-8", errors="replace")
    return {
        "image_id": entry.image_id,
        "patient": entry.patient,
        "split": entry.split,
        "view": entry.view,
        "row": entry.row,
        "labels": labels,
        "report": report,
        "source": entry.file,
    }


def _nothing(problem: str) -> dict[str, Any]:
    return {
        "boxes": [],
        "masks": [],
        "sha256": _NO_HASH,
        "height": 0,
        "width": 0,
        "look": _NO_HASH,
        "tone": 0.0,
        "spread": 0.0,
        "problem": problem,
        "image": b"",
    }


def _boxes(boxes: Sequence[Box], height: int, width: int) -> list[dict[str, float]]:
    """Boxes cut at the image's edges; ``ValueError`` for one that reaches further out than it may."""
    kept = []
    for box in boxes:
        over = max(-box.left / width, -box.top / height, box.right / width - 1, box.bottom / height - 1)
        if over > _TOLERANCE and not isinstance(box, OverhangingBox):
            raise ValueError(f"has a box (row {box.row} of its table) that lies outside its {width} x {height} pixels")
        edges = {
            "left": max(box.left, 0.0),
            "top": max(box.top, 0.0),
            "right": min(box.right, float(width)),
            "bottom": min(box.bottom, float(height)),
        }
        if edges["right"] <= edges["left"] or edges["bottom"] <= edges["top"]:
            raise ValueError(f"has a box (row {box.row} of its table) of no area")
        kept.append({"finding": box.finding, **edges})
    return kept


def _masks(masks: Sequence[Mask], height: int, width: int) -> list[dict[str, Any]]:
    whole: dict[int, np.ndarray] = {}
    for mask in masks:
        try:
            mask_HW = mask.outline.draw(height, width)
        except ValueError as error:
            raise ValueError(f"{error} (row {mask.row} of its table)") from None
        whole[mask.finding] = mask_HW if mask.finding not in whole else whole[mask.finding] | mask_HW
    return [{"finding": finding, "runs": encode_mask(mask_HW)} for finding, mask_HW in sorted(whole.items())]
