"""What was predicted, in files that other tools read: COCO's JSON, and masks as PNG.

Axes: F findings, H and W pixels.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from src.core.case_keys import CaseKeys
from src.core.files import replacing, write_text
from src.evaluation.coco_format import JudgedImage, coco_results, coco_truth, file_names

TRUTH, RESULTS = "truth.json", "detections.json"


def save_detections(images: Sequence[JudgedImage], keys: CaseKeys, names: Sequence[str], folder: Path) -> None:
    """Write ``truth.json``, a COCO data set, and ``detections.json``, COCO's results; ``coco_format`` describes both.

    pycocotools makes ``detect/map`` of these two files.
    """
    _write(coco_truth(images, keys, names), folder / TRUTH)
    _write(coco_results(images, keys), folder / RESULTS)


def save_masks(predicted_FHW: Tensor, keys: CaseKeys, names: Sequence[str], folder: Path) -> list[Path]:
    """Write the bool masks of one image as grey PNGs, 255 the finding and 0 elsewhere; the paths, one a finding.

    ``keys``: of this one image. ``row_000012.png``, or the owner's name of the image; in a folder a finding where there
    are several.
    """
    from PIL import Image

    (name,) = file_names(keys)
    paths = []
    for finding, mask_HW in zip(names, predicted_FHW.cpu(), strict=True):
        path = (folder / _plain(finding) if len(names) > 1 else folder) / f"{_plain(name)}.png"
        with replacing(path) as draft:
            Image.fromarray(mask_HW.numpy().astype("uint8") * 255).save(draft, format="PNG", optimize=False)
        paths.append(path)
    return paths


def _write(whole: Any, path: Path) -> None:
    write_text(path, json.dumps(whole, allow_nan=False) + "\n")


def _plain(name: str) -> str:
    """A name that is one part of a path on any system."""
    return re.sub(r"[^\w .()+-]", "_", name).strip(" .") or "_"
