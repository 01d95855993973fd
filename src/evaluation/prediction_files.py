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
from src.evaluation.coco_format import JudgedImage, coco_results, coco_truth

_IMAGES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".dicom"}
TRUTH, RESULTS = "truth.json", "detections.json"


def save_detections(
    images: Sequence[JudgedImage],
    keys: CaseKeys,
    names: Sequence[str],
    folder: Path,
    *,
    category_ids: Sequence[int | str] | None = None,
) -> None:
    """Write ``truth.json``, a COCO data set, and ``detections.json``, COCO's results; ``coco_format`` describes both.

    ``category_ids``: of the findings ``names`` in their owner's json; None: counted from 1. pycocotools makes
    ``detect/map`` of these two files.
    """
    ids = list(range(1, len(names) + 1)) if category_ids is None else list(category_ids)
    _write(coco_truth(images, keys, names, ids), folder / TRUTH)
    _write(coco_results(images, keys, ids), folder / RESULTS)


def save_masks(predicted_FHW: Tensor, keys: CaseKeys, names: Sequence[str], folder: Path) -> list[Path]:
    """Write the bool masks of one image as grey PNGs, 255 the finding and 0 elsewhere; the paths, one a finding.

    ``keys``: of this one image. ``row_000012.png``, or ``row_000012_NAME.png`` with the owner's name of the image; in a
    folder a finding where there are several.
    """
    from PIL import Image

    paths = []
    for place, mask_HW in zip(_folders(names), predicted_FHW.cpu(), strict=True):
        path = folder / place / f"{_file_name(keys)}.png"
        with replacing(path) as draft:
            Image.fromarray(mask_HW.numpy().astype("uint8") * 255).save(draft, format="PNG", optimize=False)
        paths.append(path)
    return paths


def _write(whole: Any, path: Path) -> None:
    write_text(path, json.dumps(whole, allow_nan=False) + "\n")


def _folders(names: Sequence[str]) -> list[str]:
    """A folder for each finding, none for a single one; numbered where two names differ in what paths cannot hold."""
    plain = [_plain(name) for name in names]
    if len(plain) == 1:
        return [""]
    return plain if len(set(plain)) == len(plain) else [f"{n}_{name}" for n, name in enumerate(plain, start=1)]


def _file_name(keys: CaseKeys) -> str:
    row = f"row_{int(keys.row_N[0]):06d}"
    if keys.image_id_N is None:
        return row
    owner = Path(keys.image_id_N[0])
    return f"{row}_{_plain(str(owner.with_suffix('') if owner.suffix.lower() in _IMAGES else owner))}"


def _plain(name: str) -> str:
    """A name that is one part of a path on any system."""
    return re.sub(r"[^\w .()+-]", "_", name).strip(" .") or "_"
