"""Detection through the entrypoint: every head on both kinds of encoder, what it leaves, which weights it judges."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from src.core.checkpoint import load_exactly, read_tensors
from src.tasks import detect as detect_task
from src.tasks.dense import module as dense_module
from src.tasks.dense import train as dense_train
from tests.tasks.dense.made_dense import ENCODERS, SEEN, SIDE, check_left, figures_of, only_run, typed


@pytest.mark.parametrize("encoder", list(ENCODERS))
@pytest.mark.parametrize("head", ["yolov3", "retinanet", "faster_rcnn"])
def test_every_head_on_both_encoders(head: str, encoder: str, run_cli: Callable, tmp_path: Path) -> None:
    answer = run_cli(*typed("detect", head=head, encoder=encoder))
    assert answer.code == 0, answer.err
    run_dir = only_run(tmp_path / "outputs")
    figures = figures_of(run_dir)
    assert figures["detect/images"] == 8
    assert 0 <= figures["detect/map"] <= figures["detect/map_50"] <= 1
    # what is not skipped is judged
    skipped = figures["detect_published/skipped_no_box"] + figures["detect_published/skipped_no_prediction"]
    assert figures["detect_published/images"] + skipped == 8
    truth = json.loads((run_dir / "predictions/truth.json").read_text())
    found = json.loads((run_dir / "predictions/detections.json").read_text())
    assert {(image["width"], image["height"]) for image in truth["images"]} == {(SIDE, SIDE)}
    assert figures["detect/objects"] == len(truth["annotations"])
    assert {one["image_id"] for one in found} <= set(range(8))
    corners = torch.tensor([one["bbox"] for one in found])
    corners[:, 2:] += corners[:, :2]
    assert corners.min() >= 0
    # in pixels of the original, not in the fewer ones that the network sees
    assert SEEN + 8 < corners.max() <= SIDE + 1e-3
    check_left(run_dir, "detect", ["detections.png", "precision_recall.png"])
    assert re.search(r"^8 test images, phantom; \w+, random weights$", answer.out, flags=re.MULTILINE)
    assert re.search(r"^ +published +corrected$", answer.out, flags=re.MULTILINE)
    # in the published column a dash where no detection was sure enough
    number = figures["detect_published/map"]
    shown = "–" if number is None else f"{number:.3f}"
    assert re.search(rf"^mAP +{shown}.* {figures['detect/map']:.3f}", answer.out, flags=re.MULTILINE)


@pytest.fixture
def judged_state(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """The weights that the run is judged with, once it is."""
    state: dict[str, torch.Tensor] = {}
    real = detect_task.found_in

    def watched(module: Any, *arguments: Any) -> Any:
        state.update({name: tensor.clone() for name, tensor in module.state_dict().items()})
        return real(module, *arguments)

    monkeypatch.setattr(detect_task, "found_in", watched)
    return state


def test_the_best_validation_precision_chooses_the_weights(
    run_cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judged_state: dict[str, torch.Tensor]
) -> None:
    said: Iterator[float] = iter([0.1, 0.4, 0.2])
    figures = ({"detect/map": value, "detect_published/map": 0.5} for value in said)
    monkeypatch.setattr(dense_module, "judge_detections", lambda *_, **__: (next(figures), {}))
    last: dict[str, torch.Tensor] = {}

    def load(module: torch.nn.Module, *arguments: Any) -> None:
        last.update({name: tensor.clone() for name, tensor in module.state_dict().items()})
        load_exactly(module, *arguments)

    monkeypatch.setattr(dense_train, "load_exactly", load)
    quick = ("tuning.max_epochs=3", "task.pictures=false")
    answer = run_cli(*typed("detect", head="retinanet"), *quick)
    assert answer.code == 0, answer.err
    (best,) = (tmp_path / "outputs").rglob("epoch*.ckpt")
    assert best.name == "epoch001.ckpt"
    kept = read_tensors(best)
    assert kept.keys() == judged_state.keys()
    assert all(torch.equal(judged_state[name], kept[name]) for name in kept)
    assert any(not torch.equal(kept[name], last[name]) for name in kept)
    # the encoder, which is frozen, is in no checkpoint
    assert not [name for name in kept if "encoder" in name]


def test_the_validation_precision_is_that_of_the_validation_images(run_cli: Callable, tmp_path: Path) -> None:
    # the network sees every pixel, so that the precision of training and that of judging speak of the same boxes
    words = ("task.judge_on=val", f"transform.size={SIDE}", "task.pictures=false")
    answer = run_cli(*typed("detect", head="retinanet"), *words)
    assert answer.code == 0, answer.err
    run_dir = only_run(tmp_path / "outputs")
    lines = (run_dir / "metrics.csv").read_text().splitlines()
    for name, figure in (("val/map", "detect/map"), ("val/map_published", "detect_published/map")):
        column = lines[0].split(",").index(name)
        (value,) = [line.split(",")[column] for line in lines[1:] if line.split(",")[column]]
        # no image of which a box is sure enough: no figure, by which weights are chosen as by 0
        assert float(value) == pytest.approx(figures_of(run_dir)[figure] or 0, abs=1e-5)
        assert float(value) > 0 or name == "val/map_published"


def test_no_detection_is_sure_enough(run_cli: Callable, tmp_path: Path) -> None:
    answer = run_cli(*typed("detect", head="retinanet"), "head.config.test_cfg.score_thr=0.99")
    assert answer.code == 0, answer.err
    run_dir = only_run(tmp_path / "outputs")
    assert json.loads((run_dir / "predictions/detections.json").read_text()) == []
    figures = figures_of(run_dir)
    assert figures["detect/map"] == figures["detect/mar_100"] == 0
    assert figures["detect_published/map"] is None
    assert "detect_published: no figure, as in none of the" in answer.out + answer.err
    check_left(run_dir, "detect", ["detections.png"])


def test_images_without_an_object_are_judged(run_cli: Callable, tmp_path: Path) -> None:
    answer = run_cli(*typed("detect", head="yolov3"), "dataset.prevalence=0.05", "task.pictures=false")
    assert answer.code == 0, answer.err
    run_dir = only_run(tmp_path / "outputs")
    truth = json.loads((run_dir / "predictions/truth.json").read_text())
    without = 8 - len({one["image_id"] for one in truth["annotations"]})
    assert without > 0
    assert len(truth["images"]) == figures_of(run_dir)["detect/images"] == 8
    assert figures_of(run_dir)["detect_published/skipped_no_box"] == without
    assert any(line.split()[-2:] == [str(without), "–"] for line in answer.out.splitlines() if "no box" in line)


def test_a_pretrained_encoder_is_judged_and_its_tuned_one_again(
    run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path, judged_state: dict[str, torch.Tensor]
) -> None:
    quick = (
        "task.untrained_baseline=false",
        "task.pictures=false",
        "trainer.max_epochs=1",
        "resamples=0",
        "name=first",
    )
    assert run_cli(*tiny, *quick).code == 0
    (pretrained,) = (tmp_path / "outputs").rglob("last.ckpt")

    dense = (*typed("detect", head="retinanet", encoder="vit"), "task.pictures=false", f"checkpoint={pretrained}")
    # so small a rate that what is judged shows where it began
    answer = run_cli(*dense, "tuning=full", "tuning.optimizer.lr=1e-9", "name=tuned")
    assert answer.code == 0, answer.err
    began = {
        name.removeprefix("image_encoder."): tensor
        for name, tensor in _of_model(read_tensors(pretrained)).items()
        if name.startswith("image_encoder.")
    }
    judged = {name.removeprefix("network.encoder."): tensor for name, tensor in judged_state.items()}
    assert began
    for name, tensor in began.items():
        torch.testing.assert_close(judged[name], tensor, rtol=0, atol=1e-6)

    (tuned,) = next((tmp_path / "outputs").rglob("*_tuned")).rglob("last.ckpt")
    words = ("task=classify", "task.pictures=false", "probe.max_epochs=1", "resamples=0", "name=again")
    # its encoder, its transform and its data set come with it
    again = run_cli(*words, f"checkpoint={tuned}", "callbacks.progress=null", "datamodule.num_workers=0")
    assert again.code == 0, again.err


def _of_model(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
