"""The files of predictions: pycocotools makes our figure of them, and masks come back pixel by pixel."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from src.core.case_keys import CaseKeys
from src.evaluation.detection import judge_detections
from src.evaluation.estimate import value_of
from src.evaluation.prediction_files import save_detections, save_masks
from tests.evaluation.made_detections import image, keys_of, made_images


@pytest.mark.parametrize("levels", [0, 3])
def test_pycocotools_finds_our_figures_in_the_files(tmp_path: Path, levels: int) -> None:
    images, names = made_images(1, 40, findings=3, levels=levels), ["a", "b", "c"]
    save_detections(images, keys_of(40), names, tmp_path / "predictions")
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(tmp_path / "predictions/truth.json")
        evaluated = COCOeval(truth, truth.loadRes(str(tmp_path / "predictions/detections.json")), "bbox")
        evaluated.evaluate()
        evaluated.accumulate()
        evaluated.summarize()
    figures, _ = judge_detections(images, keys_of(40), names, resamples=0)
    for place, name in {0: "map", 1: "map_50", 2: "map_75", 3: "map_small", 4: "map_medium", 5: "map_large"}.items():
        assert value_of(figures[f"detect/{name}"]) == pytest.approx(evaluated.stats[place], abs=1e-12)
    assert value_of(figures["detect/mar_100"]) == pytest.approx(evaluated.stats[8], abs=1e-12)
    assert [path.name for path in (tmp_path / "predictions").iterdir() if path.name.startswith(".")] == []


def test_the_files_say_where_and_nothing_of_whom(tmp_path: Path) -> None:
    one = image([(1, (10, 20, 40, 60))], [(0, 0.25, (1, 2, 3.5, 5))], [(0, 0, 5, 6)], size=(200, 150))
    save_detections([one], CaseKeys.of(torch.tensor([12])), ["a", "b"], tmp_path)
    truth, results = (json.loads((tmp_path / name).read_text()) for name in ("truth.json", "detections.json"))
    assert truth["images"] == [{"id": 12, "width": 150, "height": 200, "file_name": "row_000012"}]
    assert truth["categories"] == [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    assert [(each["bbox"], each["category_id"], each["iscrowd"]) for each in truth["annotations"]] == [
        ([10, 20, 30, 40], 2, 0),
        ([0, 0, 5, 6], 1, 1),
        ([0, 0, 5, 6], 2, 1),
    ]
    assert [each["id"] for each in truth["annotations"]] == [1, 2, 3]
    assert results == [{"image_id": 12, "category_id": 1, "bbox": [1, 2, 2.5, 3], "score": 0.25}]
    keys = CaseKeys(row_N=torch.tensor([3]), group_N=torch.tensor([0]), image_id_N=["s/x1"])
    save_detections([image()], keys, ["a"], tmp_path)
    assert json.loads((tmp_path / "truth.json").read_text())["images"][0]["file_name"] == "s/x1"
    assert json.loads((tmp_path / "detections.json").read_text()) == []


def test_ids_are_those_of_the_owner(tmp_path: Path) -> None:
    images, names = [image([(1, (10, 20, 40, 60))], [(1, 0.5, (10, 20, 40, 60))]), image()], ["a", "b"]
    keys = CaseKeys(
        row_N=torch.tensor([1, 2]), group_N=torch.tensor([0, 1]), image_id_N=["x", "y"], coco_id_N=["s-9", "s-2"]
    )
    assert keys.take(torch.tensor([1, 1])).coco_id_N == ["s-2", "s-2"]
    save_detections(images, keys, names, tmp_path, category_ids=[40, 3])
    truth, results = (json.loads((tmp_path / name).read_text()) for name in ("truth.json", "detections.json"))
    assert [one["id"] for one in truth["images"]] == ["s-9", "s-2"]
    assert truth["categories"] == [{"id": 40, "name": "a"}, {"id": 3, "name": "b"}]
    assert [(one["image_id"], one["category_id"]) for one in [*truth["annotations"], *results]] == [("s-9", 3)] * 2
    figures, _ = judge_detections(images, keys, names, resamples=0)
    assert value_of(figures["detect/map"]) == pytest.approx(1.0)


def test_masks_come_back(tmp_path: Path) -> None:
    mask_FHW = torch.from_numpy(np.random.default_rng(0).random((2, 7, 5)) < 0.5)
    keys = CaseKeys.of(torch.tensor([12]))
    paths = save_masks(mask_FHW, keys, ["lung", "a/b"], tmp_path)
    assert paths == [tmp_path / "lung/row_000012.png", tmp_path / "a_b/row_000012.png"]
    for path, mask_HW in zip(paths, mask_FHW, strict=True):
        with Image.open(path) as written:
            assert written.mode == "L"
            np.testing.assert_array_equal(np.asarray(written), mask_HW.numpy() * 255)
    named = CaseKeys(row_N=torch.tensor([3]), group_N=torch.tensor([0]), image_id_N=["../s/x1"])
    (path,) = save_masks(mask_FHW[:1], named, ["lung"], tmp_path / "one")
    assert path == tmp_path / "one/row_000003__s_x1.png"
    assert path.is_file()
