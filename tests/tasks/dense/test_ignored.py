"""Regions to ignore, from the files of one's own data to the figures, and boxes in the pixels they were drawn in.

Axes: N objects or detections, F findings, H and W pixels.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from src.core.dense import IGNORED, Detections
from src.data.annotated_images import AnnotatedImages
from src.evaluation.coco_format import JudgedImage
from src.evaluation.detection import judge_detections
from src.tasks.dense import judge_masks as judge_masks_module
from src.tasks.dense.judge_masks import judge_masks
from tests.tasks.dense.made_dense import ENCODERS, HEADS, QUICK, only_run, parts
from tests.trees import coco, mask_folder
from tests.trees.pictures import SIZE

WORDS = (*ENCODERS["cnn"], *QUICK, "dataset.test_fraction=0.3")


def _read(tree: Any, root: Path) -> list[str]:
    tree.make(root, count=60)
    return [f"dataset={tree.__name__.rpartition('.')[2]}", *(word.replace("{root}", str(root)) for word in tree.READS)]


def test_boxes_to_ignore_reach_the_figures(tmp_path: Path) -> None:
    made = parts(tmp_path, "task=detect", *_read(coco, tmp_path / "own"), *WORDS)
    images: AnnotatedImages = made.annotated_images(kind="boxes", batch_size=4)
    names, keys = images.finding_names, images.case_keys("test")
    truths = [images.truth("test", position) for position in range(len(keys))]
    assert sum(len(truth.objects.ignored_I4) for truth in truths) > 0

    def judged(*, inside_ignored: bool) -> dict[str, Any]:
        found = []
        for truth in truths:
            extra_N4 = truth.objects.ignored_I4 if inside_ignored else truth.objects.ignored_I4[:0]
            # the objects a little shifted, and surer what lies in the ignored regions
            box_N4 = torch.cat([truth.objects.box_N4 + 1, extra_N4])
            score_N = torch.tensor([0.6] * len(truth.objects.box_N4) + [0.9] * len(extra_N4))
            class_N = torch.cat([truth.objects.class_N, torch.zeros(len(extra_N4), dtype=torch.int64)])
            found.append(JudgedImage(Detections(box_N4, score_N, class_N), truth.objects, truth.height, truth.width))
        figures, _ = judge_detections(found, keys, names, resamples=0)
        return {name: figure for name, figure in figures.items() if "skipped" not in name and "images" not in name}

    plain = judged(inside_ignored=False)
    assert 0.3 < plain["detect/map"].value < 1
    assert _same(judged(inside_ignored=True), plain)


def test_pixels_to_ignore_reach_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the network sees the original's pixels, so that what is changed stays inside the region
    words = ("task=segment", *_read(mask_folder, tmp_path / "own"), *WORDS, f"transform.size={SIZE}")
    images: AnnotatedImages = parts(tmp_path, *words).annotated_images(kind="masks", batch_size=4)
    seen = [
        split.mask_FHW for split in (images.split("test")[position] for position in range(len(images.split("test"))))
    ]
    assert any((torch.as_tensor(mask_FHW) == IGNORED).any() for mask_FHW in seen)

    def judged(folder: str, *, flipped: bool) -> dict[str, Any]:
        def made(*_: Any) -> Iterator[tuple[int, Tensor, Tensor]]:
            draw = torch.Generator().manual_seed(0)
            for position, mask_FHW in enumerate(seen):
                truth_FHW = torch.as_tensor(mask_FHW)
                probability_FHW = 0.7 * (truth_FHW == 1) + 0.3 * torch.rand(truth_FHW.shape, generator=draw).round()
                turned_FHW = torch.where(truth_FHW == IGNORED, 1 - probability_FHW, probability_FHW)
                yield position, turned_FHW if flipped else probability_FHW, truth_FHW

        monkeypatch.setattr(judge_masks_module, "probabilities_in", made)
        run_dir = tmp_path / folder
        nothing: Any = None
        figures, _, _ = judge_masks(
            nothing,
            images,
            "test",
            nothing,
            threshold=0.25,
            resamples=0,
            shown=0,
            files=False,
            title="",
            run_dir=run_dir,
        )
        return figures

    plain = judged("plain", flipped=False)
    assert 0 < plain["segment/dice"].value < 1
    assert _same(judged("flipped", flipped=True), plain)
    # it is the figures that ignore it, not the prediction
    masks = {path.relative_to(tmp_path / "plain"): path for path in (tmp_path / "plain").rglob("*.png")}
    assert any(path.read_bytes() != (tmp_path / "flipped" / name).read_bytes() for name, path in masks.items())


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return {name: str(figure) for name, figure in one.items()} == {name: str(figure) for name, figure in other.items()}


def test_truth_leaves_as_it_was_given(run_cli: Callable, tmp_path: Path) -> None:
    read = _read(coco, tmp_path / "own")
    answer = run_cli("task=detect", "head=retinanet", *HEADS["retinanet"], *read, *WORDS, "task.pictures=false")
    assert answer.code == 0, answer.err
    left = json.loads((only_run(tmp_path / "outputs") / "predictions/truth.json").read_text())
    given = json.loads((tmp_path / "own/annotations.json").read_text())
    assert left["images"]
    assert {(image["width"], image["height"]) for image in left["images"]} == {(SIZE, SIZE)}
    names = {image["id"]: Path(image["file_name"]).stem for image in left["images"]}

    def boxes(whole: dict[str, Any], ignored: bool) -> set[tuple[str, tuple[float, ...]]]:
        stems = {image["id"]: Path(image["file_name"]).stem for image in whole["images"]}
        ignore = {one["id"] for one in whole["categories"] if one["name"] == "Ignore"}
        return {
            (stems[one["image_id"]], tuple(round(edge, 2) for edge in one["bbox"]))
            for one in whole["annotations"]
            if (one["iscrowd"] == 1 or one["category_id"] in ignore) == ignored
            and stems[one["image_id"]] in names.values()
        }

    for ignored in (False, True):
        assert boxes(left, ignored)
        assert boxes(left, ignored) == boxes(given, ignored)
