"""Which figures a report shows of detection and of segmentation, what it calls them, and which way is better."""

from pathlib import Path
from types import SimpleNamespace

import torch

from src.core.dense import Detections
from src.evaluation.cases import save_cases
from src.evaluation.detection import judge_detections
from src.evaluation.estimate import Estimate
from src.evaluation.records import Record, write_records
from src.tasks.reporting.metrics import choose_metrics, lower_is_better, metric_label
from tests.evaluation.made_detections import keys_of, made_images
from tests.tasks.made_sweeps import MadeJob, make_report, write_job

ONE = Estimate(0.5, 0.4, 0.6)


def test_the_main_figure_of_each_protocol() -> None:
    names = [
        *("detect/map", "detect/map/lung", "detect/map_50", "detect_published/map"),
        *("segment/dice", "segment/dice/lung", "segment/hd95", "segment_published/dice"),
    ]
    point = SimpleNamespace(figures={**dict.fromkeys(names, ONE), "detect/images": 9, "segment/positives": 3})
    chosen = choose_metrics([point], None)
    assert chosen == ["detect/map", "detect_published/map", "segment/dice", "segment_published/dice"]
    assert [metric_label(name) for name in chosen] == [
        *("detect: mAP", "detect published: mAP", "segment: dice", "segment published: dice")
    ]
    assert metric_label("detect/map_50/lung") == "detect: mAP 50 of lung"
    assert [name for name in names if lower_is_better(name)] == ["segment/hd95"]
    assert lower_is_better("segment/hd95/lung")


def test_findings_may_be_called_like_metrics() -> None:
    findings = ("pointing_game", "dice", "map", "edema_mean", "mean", "accuracy", "median_rank", "brier", "chance_x")
    names = [f"zero_shot/{metric}/{finding}" for finding in findings for metric in ("brier", "auroc")]
    names += ["zero_shot/brier_mean", "zero_shot/auroc_mean"]
    point = SimpleNamespace(figures=dict.fromkeys(names, ONE))
    assert choose_metrics([point], None) == ["zero_shot/auroc_mean"]
    assert {name for name in names if lower_is_better(name)} == {name for name in names if "/brier" in name[:15]}
    assert len({metric_label(name) for name in names}) == len(names)
    assert metric_label("classify/auroc/mean") == "classify: AUROC of mean"
    assert metric_label("classify/auroc_mean") == "classify: AUROC mean"


def test_two_detectors_are_compared_by_the_paired_bootstrap(tmp_path: Path) -> None:
    images = made_images(2, 40, findings=1)
    perfect = [
        one._replace(found=Detections(one.objects.box_N4, torch.ones(len(one.objects.box_N4)), one.objects.class_N))
        for one in images
    ]
    for number, (weights, judged) in enumerate({"random": images, "named": perfect}.items()):
        folder = tmp_path / "s" / str(number)
        write_job(folder, MadeJob(settings={"weights": weights}, hits=[1.0], figure="detect/map"))
        figures, cases = judge_detections(judged, keys_of(40), ["a"], resamples=0)
        save_cases(cases["detect"], folder / "cases/detect.parquet")
        write_records([Record(settings={}, figures=figures, cases={"detect": "cases/detect.parquet"})], folder)
    rows = {row["row"]: row for row in make_report(tmp_path / "s", baseline="weights=random", metrics=["detect/map"])}
    assert float(rows["named"]["mean"]) == 1
    assert float(rows["named"]["p"]) < 0.05
