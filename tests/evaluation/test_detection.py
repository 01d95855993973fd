"""Figures of detection against torchmetrics, on resamples that are written out, and by hand."""

import logging
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from src.evaluation.average_precision import precision_recall
from src.evaluation.cases import load_cases, save_cases
from src.evaluation.detection import coco_matches, judge_detections
from src.evaluation.estimate import value_of
from src.evaluation.matches import HIT, IGNORED, Matches
from src.evaluation.measure import measure, say_left_out
from src.evaluation.paired import draw_figures, same_cases
from src.evaluation.resample import draw_weights, resampled
from tests.evaluation.made_detections import COCO, image, keys_of, made_images, torchmetrics_map

PUBLISHED = np.linspace(0.4, 0.75, 8).tolist()
BOX = (10, 10, 50, 50)


def judged(images, findings=1, resamples=0):
    return judge_detections(images, keys_of(len(images)), [f"f{n}" for n in range(findings)], resamples=resamples)


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 12), findings=st.integers(1, 3), levels=st.integers(0, 4))
def test_corrected_figures_are_torchmetrics(seed: int, count: int, findings: int, levels: int) -> None:
    images = made_images(seed, count, findings=findings, levels=levels)
    figures, cases = judged(images, findings)
    reference = torchmetrics_map(images, findings, COCO)
    for name in ("map", "map_50", "map_75", "mar_100"):
        assert value_of(figures[f"detect/{name}"]) == pytest.approx(reference[name], abs=1e-6, nan_ok=True)
    for name in ("map_small", "map_medium", "map_large"):
        assert (f"detect/{name}" in figures) == (not math.isnan(reference[name]))
        assert value_of(figures.get(f"detect/{name}", math.nan)) == pytest.approx(
            reference[name], abs=1e-6, nan_ok=True
        )
    for number in range(findings if findings > 1 else 0):
        ours = value_of(figures.get(f"detect/map/f{number}", math.nan))
        assert ours == pytest.approx(reference.get(f"map/{number}", math.nan), abs=1e-6, nan_ok=True)
    assert figures["detect/images"] == count
    assert figures["detect/objects"] == sum(len(one.objects.box_N4) for one in images)
    assert set(cases["detect"].overlap_T) == set(COCO)


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), findings=st.integers(1, 2), levels=st.sampled_from([0, 4]))
def test_published_figures_skip_and_cut_and_are_torchmetrics(seed: int, findings: int, levels: int) -> None:
    images = made_images(seed, 10, findings=findings, levels=levels)
    figures, _ = judged(images, findings)
    counted, no_box, nothing = [], 0, 0
    for one in images:
        keep = one.found.score_N >= 0.5
        found = type(one.found)(*(part[keep] for part in one.found))
        if not len(one.objects.box_N4):
            no_box += 1
        elif not keep.any():
            nothing += 1
        else:
            counted.append(one._replace(found=found))
    found = {name: figures[f"detect_published/{name}"] for name in ("images", "skipped_no_box")}
    assert found == {"images": len(counted), "skipped_no_box": no_box}
    assert figures["detect_published/skipped_no_prediction"] == nothing
    expected = torchmetrics_map(counted, findings, PUBLISHED)["map"] if counted else math.nan
    assert value_of(figures["detect_published/map"]) == pytest.approx(expected, abs=1e-6, nan_ok=True)


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), findings=st.integers(1, 2))
def test_a_resample_is_the_metric_of_the_drawn_images(seed: int, findings: int) -> None:
    images = made_images(seed, 12, findings=findings)
    group = [0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    names = [f"f{n}" for n in range(findings)]
    _, by_group = judge_detections(images, keys_of(12, group), names, resamples=0)
    cases = by_group["detect"]
    weight_RN = draw_weights(cases.keys.group_N, resamples=3, seed=seed)
    drawn = resampled(cases, weight_RN)
    for r in range(3):
        index = torch.arange(12).repeat_interleave(weight_RN[r].long()).tolist()
        there = {int(number) for i in index for number in images[i].objects.class_N}
        if not there >= set(cases.judged()):
            assert drawn["map"][r].isnan()
            continue
        reference = torchmetrics_map([images[i] for i in index], findings, COCO)
        for name in ("map", "map_50", "map_75", "mar_100"):
            assert float(drawn[name][r]) == pytest.approx(reference[name], abs=1e-6, nan_ok=True)


def test_average_precision_by_hand() -> None:
    # scores 0.9 hit, 0.8 false, 0.7 hit, of 4 objects: precision 1 up to recall 0.25, 2/3 up to 0.5, then nothing
    images = [
        image([(0, BOX), (0, (60, 60, 90, 90))], [(0, 0.9, BOX), (0, 0.8, (100, 100, 120, 120))]),
        image([(0, BOX), (0, (60, 60, 90, 90))], [(0, 0.7, BOX)]),
    ]
    figures, cases = judged(images)
    by_hand = (26 * 1 + 25 * 2 / 3) / 101
    assert value_of(figures["detect/map"]) == pytest.approx(by_hand, abs=1e-9)
    assert value_of(figures["detect/mar_100"]) == 0.5
    recall_H, precision_H, area = precision_recall(cases["detect"], 0, 0.5)
    assert recall_H.tolist() == [0.25, 0.5]
    assert precision_H == pytest.approx([1, 2 / 3])
    assert area == pytest.approx(by_hand)


def test_false_detections_in_healthy_images_cost_only_the_corrected_figure() -> None:
    clean = [image([(0, BOX)], [(0, 0.9, BOX)])] * 3
    loud = [*clean, *[image((), [(0, 0.99, BOX)])] * 3]
    figures, _ = judged(loud)
    assert value_of(figures["detect/map"]) == pytest.approx(0.5)
    assert value_of(figures["detect_published/map"]) == pytest.approx(1)
    assert figures["detect_published/skipped_no_box"] == 3


def test_a_detection_in_an_ignored_region_counts_in_nothing() -> None:
    region = (100, 100, 150, 150)
    there = image([(0, BOX)], [(0, 0.95, (110, 110, 120, 120)), (0, 0.9, BOX)], [region])
    figures, cases = judged([there])
    assert value_of(figures["detect/map"]) == pytest.approx(1)
    assert cases["detect"].outcome_DT[:, 0].tolist() == [IGNORED, HIT]
    without = there._replace(objects=there.objects._replace(ignored_I4=torch.empty(0, 4)))
    assert value_of(judged([without])[0]["detect/map"]) == pytest.approx(0.5)


def test_intervals_and_those_of_few_patients() -> None:
    images = made_images(3, 60, findings=2)
    figures, _ = judged(images, 2, resamples=200)
    for name in ("map", "map_50", "mar_100", "map/f0", "map_50/f1"):
        estimate = figures[f"detect/{name}"]
        assert estimate.low < estimate.value < estimate.high
    # one patient shows no variation, nor does a mean with that finding
    figures, _ = judged([*images, image([(2, BOX)], [(2, 0.9, BOX)]), image((), ())], 3, resamples=200)
    assert figures["detect/map/f2"].reason == "1 patient with it"
    assert figures["detect/map"].reason == "f2 has 1 patient with it"
    assert figures["detect/map/f0"].low < figures["detect/map/f0"].high
    alone = judged([image([(0, BOX)], [(0, 0.9, BOX)])] * 4, resamples=50)[0]
    assert alone["detect/map"].reason == "4 patients in all"


def test_what_cannot_be_judged_is_said(caplog: pytest.LogCaptureFixture) -> None:
    unsure = image([(0, BOX)], [(0, 0.49, BOX)])
    figures, cases = judged([unsure, image()], 2, resamples=20)
    assert math.isnan(value_of(figures["detect_published/map"]))
    assert value_of(figures["detect/map"]) == pytest.approx(1)
    assert "detect/map/f1" not in figures
    with caplog.at_level(logging.WARNING):
        for group, of in cases.items():
            say_left_out(of, group=group)
    assert [record.getMessage() for record in caplog.records] == [
        "detect: left out, as no image that counts holds one: f1",
        "detect_published: no figure, as in none of the 1 images with a box anything was found with a score of 0.5 or "
        "more",
    ]


@pytest.mark.parametrize("images", [[image()], [image((), [(0, 0.9, BOX)])], [image((), (), [BOX])]])
def test_nothing_to_find_has_no_figure(images: list) -> None:
    figures, cases = judged(images, resamples=20)
    for group in ("detect", "detect_published"):
        assert math.isnan(value_of(figures[f"{group}/map"]))
        assert figures[f"{group}/objects"] == 0
    assert math.isnan(draw_figures(cases["detect"], resamples=5)["map"].nanmean())


def test_only_the_best_hundred_of_an_image_count() -> None:
    crowded = image([(0, BOX)], [*[(0, 0.9, (100, 100, 110, 110))] * 100, (0, 0.1, BOX)])
    figures, cases = judged([crowded])
    assert value_of(figures["detect/map"]) == 0
    assert len(cases["detect"].score_D) == 100


def test_cases_come_back_and_can_be_paired(tmp_path: Path) -> None:
    images = made_images(5, 20, findings=2)
    _, cases = judged(images, 2)
    for group, of in cases.items():
        save_cases(of, tmp_path / f"{group}.parquet")
        back = load_cases(tmp_path / f"{group}.parquet")
        assert isinstance(back, Matches)
        for name, value in vars(of).items():
            if isinstance(value, torch.Tensor):
                torch.testing.assert_close(getattr(back, name), value, rtol=0, atol=0)
            elif name != "keys":
                assert getattr(back, name) == value
        drawn, again = (draw_figures(one, resamples=20) for one in (of, back))
        torch.testing.assert_close(drawn, again, rtol=0, atol=0, equal_nan=True)
        assert same_cases(of, back)
    silent = [one._replace(found=type(one.found)(*(part[:0] for part in one.found))) for one in images]
    _, others = judged(silent, 2)
    # the published protocol counts other images for another model, and the cases are the same
    assert same_cases(cases["detect_published"], others["detect_published"])
    assert not same_cases(cases["detect"], cases["detect_published"])
    _, fewer = judged([*images[:-1], image([(0, BOX)] * 7)], 2)
    assert not same_cases(cases["detect"], fewer["detect"])
    save_cases(others["detect"], tmp_path / "none.parquet")
    assert len(load_cases(tmp_path / "none.parquet").score_D) == 0


def test_an_object_of_no_finding_is_refused() -> None:
    with pytest.raises(ValueError, match="image 7 has an object of class 1, and there are 1"):
        coco_matches([image([(1, BOX)])], keys_of(1), ["f0"])


def test_rows_need_not_rise() -> None:
    images = made_images(8, 9, findings=1, levels=2)
    keys = keys_of(9)
    back = torch.arange(8, -1, -1)
    cases = coco_matches(images, keys, ["a"])["all"]
    turned = coco_matches(images[::-1], keys.take(back), ["a"])["all"]
    one, other = (measure(of, group="g", resamples=0) for of in (cases, turned))
    assert value_of(one["g/map"]) == value_of(other["g/map"])


@pytest.mark.parametrize("found", [[], [(0, 0.9, (100, 100, 140, 140))]])
def test_a_detector_that_never_hits_has_figures_of_zero_with_intervals(found: list) -> None:
    images = [image(objects=[(0, BOX)], found=found) for _ in range(8)]
    figures, _ = judged(images, resamples=20)
    for name in ("map", "map_50", "mar_100"):
        assert figures[f"detect/{name}"][:3] == (0, 0, 0)
