"""One's own images with a COCO json: polygons, run lengths and bare boxes, a crowd, and a category to ignore."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from tests.trees.pictures import SIZE, phantom_table, write_image

IGNORE = "cardiomegaly"
"""The finding of the phantom that is to be ignored here."""
READS = (
    "dataset.annotations={root}/annotations.json",
    "dataset.ignore=[Ignore]",
    "dataset.masks=boxes",
    "dataset.table={root}/patients.csv",
)
"""What to type to read the tree."""


def make(root: Path, *, count: int = 40, seed: int = 0) -> None:
    """``count`` images of half as many patients, each finding an annotation."""
    table = phantom_table(count, seed)
    names = sorted({name for index in range(count) for name, _ in table.boxes(index)})
    annotations: list[dict[str, Any]] = []
    for index in range(count):
        write_image(root / f"images/{index:03d}.png", table.image(index))
        study = table.study(index)
        for finding, edge_4, mask_HW in zip(study.findings, study.boxes(SIZE), study.masks(SIZE), strict=True):
            left, top, right, bottom = (float(edge) for edge in edge_4)
            annotation = {
                "id": len(annotations) + 1,
                "image_id": index + 1,
                "category_id": names.index(finding.name) + 1,
                "bbox": [left, top, right - left, bottom - top],
                "area": float(mask_HW.sum()),
                "iscrowd": int(len(annotations) % 16 == 5),
            }
            outline = _outline(mask_HW, len(annotations) % 3)
            annotations.append(annotation if outline is None else {**annotation, "segmentation": outline})
    content = {
        "info": {"description": "phantoms"},
        "images": [
            {"id": index + 1, "file_name": f"images/{index:03d}.png", "width": SIZE, "height": SIZE}
            for index in range(count)
        ],
        "annotations": annotations,
        "categories": [
            {"id": position, "name": "Ignore" if name == IGNORE else name}
            for position, name in enumerate(names, start=1)
        ],
    }
    (root / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    rows = [(f"{index:03d}.png", f"patient {index // 2}") for index in range(count)]
    pd.DataFrame(rows, columns=["file", "group"]).to_csv(root / "patients.csv", index=False)


def _outline(mask_HW: np.ndarray, kind: int) -> Any:
    """A polygon, run lengths, or none."""
    if kind == 0:
        contours, _ = cv2.findContours(mask_HW.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        return [(line[:, 0] + 0.5).ravel().tolist() for line in contours if len(line) >= 3] or None
    if kind == 1:
        changes = np.flatnonzero(np.diff(np.r_[0, mask_HW.T.ravel().astype(np.int8)]))
        ends = changes.tolist()
        return {"size": list(mask_HW.shape), "counts": np.diff([0, *ends, mask_HW.size]).tolist()}
    return None
