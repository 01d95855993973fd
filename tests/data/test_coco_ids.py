"""The ids of the user's json are kept: pycocotools on that very json finds our mAP in detections.json."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from src.core.dense import Detections
from src.data.annotated_images import AnnotatedImages
from src.data.datasets.coco import CocoSource
from src.evaluation.coco_format import JudgedImage
from src.evaluation.detection import judge_detections
from src.evaluation.estimate import value_of
from src.evaluation.prediction_files import save_detections

YAML = Path(__file__).resolve().parents[2] / "conf/dataset/coco.yaml"
COUNT = 12


def _write(path: Path, ids: list[Any], categories: dict[Any, str]) -> None:
    rng = np.random.default_rng(0)
    names = [f"{path.stem}{n}.png" for n in range(COUNT)]
    for name in names:
        Image.fromarray(rng.integers(0, 255, (64, 64), dtype=np.uint8)).save(path.parent / name)
    marks = [
        {
            "id": n + 1,
            "image_id": ids[n % COUNT],
            "category_id": list(categories)[n % len(categories)],
            "bbox": [*rng.integers(0, 40, 2).tolist(), 20, 20],
            "area": 400,
            "iscrowd": 0,
        }
        for n in range(2 * COUNT)
    ]
    images = [{"id": n, "file_name": name, "width": 64, "height": 64} for n, name in zip(ids, names, strict=True)]
    listed = [{"id": number, "name": name} for number, name in categories.items()]
    path.write_text(json.dumps({"images": images, "annotations": marks, "categories": listed}))


def _map(truth: Path, results: Path) -> float:
    with contextlib.redirect_stdout(io.StringIO()):
        there = COCO(str(truth))
        evaluated = COCOeval(there, there.loadRes(str(results)), "bbox")
        evaluated.evaluate()
        evaluated.accumulate()
        evaluated.summarize()
    return float(evaluated.stats[0])


@pytest.mark.parametrize(
    "ids",
    [
        [n * 17 for n in range(COUNT)],
        [900_000_000_001 - n for n in range(COUNT)],
        [f"img-{n}" for n in range(COUNT)],
    ],
    ids=["from 0", "large and descending", "texts"],
)
@pytest.mark.parametrize("categories", [{7: "b", 90: "a"}, {0: "a", 3: "b", 2: "c"}, {"x": "a", "k": "b"}])
def test_pycocotools_on_the_own_json(
    make_module: Callable[..., Any], tmp_path: Path, ids: list[Any], categories: dict[Any, str]
) -> None:
    # train's json has the same names under other ids
    _write(tmp_path / "train.json", list(range(COUNT)), dict(enumerate(reversed(categories.values()), start=500)))
    own = tmp_path / "own.json"
    _write(own, ids, categories)
    values: Any = OmegaConf.to_container(OmegaConf.load(YAML))
    del values["_target_"]
    values |= {"annotations": {"train": str(tmp_path / "train.json"), "test": str(own)}, "val_fraction": 0.0}
    source = CocoSource(**values)
    images = AnnotatedImages(images=make_module(source, tokenizer=None), kind="boxes")
    rng, judged = np.random.default_rng(1), []
    for position in range(COUNT):
        objects = images.truth("test", position).objects
        count = len(objects.box_N4)
        moved_N4 = objects.box_N4 + torch.from_numpy(rng.integers(-4, 5, (count, 4)).astype(np.float32))
        found = Detections(moved_N4, torch.from_numpy(rng.random(count, dtype=np.float32)), objects.class_N)
        judged.append(JudgedImage(found, objects, 64, 64))
    keys, category_ids = images.case_keys("test"), images.coco_category_ids("test")
    save_detections(judged, keys, images.finding_names, tmp_path, category_ids=category_ids)
    figures, _ = judge_detections(judged, keys, images.finding_names, resamples=0)
    ours = value_of(figures["detect/map"])
    assert ours is not None
    assert 0.2 < ours < 0.95
    assert _map(own, tmp_path / "detections.json") == pytest.approx(ours, abs=1e-9)
    assert _map(tmp_path / "truth.json", tmp_path / "detections.json") == pytest.approx(ours, abs=1e-9)
    truth, written = (json.loads(path.read_text()) for path in (tmp_path / "truth.json", own))
    assert {(one["id"], one["file_name"]) for one in truth["images"]} == {
        (one["id"], one["file_name"]) for one in written["images"]
    }
    assert {(one["id"], one["name"]) for one in truth["categories"]} == {
        (one["id"], one["name"]) for one in written["categories"]
    }
