"""ROC, precision-recall and reliability curves: their points worked out by hand, and whole pictures of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from src.core.errors import UserError
from src.pictures.canvas import BLUE
from src.pictures.curve_points import (
    Finding,
    judged_findings,
    precision_recall_points,
    reliability_points,
    roc_points,
    wilson_interval,
)
from src.pictures.curves import FoundCurve, draw_detection_curves, draw_precision_recall, draw_roc
from src.pictures.reliability import draw_reliability

NAN = np.nan
DRAW = [draw_roc, draw_precision_recall, draw_reliability]
# Scores fall from left to right; two cases share one score.
SCORE = np.array([7.0, 5.0, 3.0, 3.0, -1.0, -4.0])
POSITIVE = np.array([True, False, True, False, True, False])


def finding(score: np.ndarray, positive: np.ndarray) -> Finding:
    return Finding("effusion", score.astype(np.float64), positive)


def test_roc_by_hand() -> None:
    points = roc_points(finding(SCORE, POSITIVE))
    assert points.x_T == pytest.approx([0, 0, 1 / 3, 2 / 3, 2 / 3, 1])
    assert points.y_T == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 1, 1])
    # pairs of a positive and a negative in the right order: 3, then 1 and a tie, then 1
    assert points.area == pytest.approx((3 + 1.5 + 1) / 9)


def test_precision_recall_by_hand() -> None:
    points = precision_recall_points(finding(SCORE, POSITIVE))
    assert points.x_T == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 1, 1])
    assert points.y_T == pytest.approx([1, 1, 1 / 2, 2 / 4, 3 / 5, 3 / 6])
    assert points.area == pytest.approx((1 + 1 / 2 + 3 / 5) / 3)
    assert points.chance == 0.5
    behind = precision_recall_points(finding(np.array([3.0, 2.0, 1.0]), np.array([False, True, True])))
    assert behind.x_T == pytest.approx([0, 1 / 2, 1])
    assert behind.y_T == pytest.approx([1 / 2, 1 / 2, 2 / 3])


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=30), st.floats(0.1, 1e6))
def test_areas_are_those_that_are_drawn(cases: list[tuple[int, bool]], scale: float) -> None:
    score, positive = np.array([s for s, _ in cases]) * scale, np.array([p for _, p in cases])
    if positive.all() or not positive.any():
        return
    roc = roc_points(finding(score, positive))
    above = (score[positive][:, None] > score[~positive]).mean() + (
        score[positive][:, None] == score[~positive]
    ).mean() / 2
    assert roc.area == pytest.approx(above, abs=1e-6)
    assert np.trapezoid(roc.y_T, roc.x_T) == pytest.approx(above, abs=1e-6)
    steps = precision_recall_points(finding(score, positive))
    assert steps.area == pytest.approx((np.diff(steps.x_T) * steps.y_T[1:]).sum(), abs=1e-6)


def test_scores_far_out_are_not_merged() -> None:
    score = np.array([1000.0, 1001.0, 1002.0, 1003.0])
    assert roc_points(finding(score, np.array([False, False, True, True]))).area == 1.0
    assert precision_recall_points(finding(score, np.array([False, False, True, True]))).area == 1.0


def test_reliability_by_hand() -> None:
    probability = np.repeat(np.arange(10) / 10 + 0.05, 4)
    positive = np.tile([True, False, False, False], 10)
    bins = reliability_points(finding(probability, positive))
    assert bins.count_M.tolist() == [4] * 10
    assert bins.predicted_M == pytest.approx(np.arange(10) / 10 + 0.05)
    assert bins.observed_M == pytest.approx([0.25] * 10)
    assert bins.error == pytest.approx(np.abs(np.arange(10) / 10 + 0.05 - 0.25).mean(), abs=1e-6)


def test_bins_hold_equally_many_and_ties_share_one() -> None:
    random = np.random.default_rng(0)
    probability = random.beta(1, 9, size=1000)
    assert set(reliability_points(finding(probability, random.random(1000) < probability)).count_M) == {100}
    tied = reliability_points(finding(np.array([0.3] * 30 + [0.1, 0.9]), np.arange(32) % 2 == 0))
    assert tied.predicted_M == pytest.approx([9.1 / 31, 0.9])
    assert tied.count_M.tolist() == [31, 1]
    alone = reliability_points(finding(np.full(8, 0.3), np.arange(8) < 2))
    assert (alone.predicted_M.tolist(), alone.observed_M.tolist()) == ([pytest.approx(0.3)], [0.25])


def test_wilson_interval() -> None:
    # 0 of 10 and 5 of 10, by the formula with z = 1.96
    low, high = wilson_interval(np.array([0.0, 0.5, 1.0]), np.array([10, 10, 10]))
    assert low == pytest.approx([0, 0.2366, 0.7225], abs=1e-4)
    assert high == pytest.approx([0.2775, 0.7634, 1], abs=1e-4)


def test_scores_that_are_no_probabilities() -> None:
    with pytest.raises(UserError, match="effusion are no probabilities: they go from -4 to 7"):
        reliability_points(finding(SCORE, POSITIVE))


def test_unknown_labels_and_findings_of_one_kind_are_left_out() -> None:
    label = np.array([[1, NAN, 1], [0, NAN, 1], [NAN, 0, NAN], [1, NAN, 1]])
    score = np.arange(12.0).reshape(4, 3)
    judged, left_out = judged_findings(score, label, ["a", "b", "c"])
    assert left_out == ["b", "c"]
    assert [(one.name, one.score_N.tolist(), one.positive_N.tolist()) for one in judged] == [
        ("a", [0, 3, 9], [True, False, True])
    ]


@pytest.mark.parametrize("draw", DRAW)
@pytest.mark.parametrize("count", [1, 6])
def test_pictures(draw: Callable[..., list[str]], count: int, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    label = (random.random((60, count + 1)) < 0.4).astype(float)
    label[:, count] = 1
    label[:4] = NAN
    score = np.clip(0.3 * label.clip(0, 1) + random.random((60, count + 1)) / 2, 0, 1)
    score[:4] = 0.5
    names = [f"a${n}_{{ finding with a very long name indeed" for n in range(count + 1)]
    assert draw(score, label, names, tmp_path / "curves.png", title="") == names[:count]
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.format == "PNG"
        columns = 1 if count == 1 else 3
        assert picture.width == columns * (696 if count == 1 else 400)
        assert np.asarray(picture.convert("L")).std() > 3


@pytest.mark.parametrize("draw", DRAW)
def test_nothing_to_draw(draw: Callable[..., list[str]], tmp_path: Path) -> None:
    assert draw(np.zeros((2, 1)), np.ones((2, 1)), ["a"], tmp_path / "curves.png", title="") == []
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("draw", DRAW)
def test_a_handful_of_tied_cases(draw: Callable[..., list[str]], tmp_path: Path) -> None:
    label = np.array([[0.0], [1.0], [1.0]])
    assert draw(np.full((3, 1), 0.4), label, ["a"], tmp_path / "curves.png", title="") == ["a"]


def test_curves_of_detections(tmp_path: Path) -> None:
    half = FoundCurve(
        name="lung", recall_H=np.array([0.25, 0.5]), precision_H=np.array([1, 0.5]), average=0.377, objects=4
    )
    none = FoundCurve(name="mass", recall_H=np.empty(0), precision_H=np.empty(0), average=0.0, objects=2)
    draw_detection_curves([half], tmp_path / "one.png", overlap=0.5, title="")
    draw_detection_curves([half, none], tmp_path / "two.png", overlap=0.5, title="")
    draw_detection_curves([], tmp_path / "none.png", overlap=0.5, title="")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "two.png"]
    with Image.open(tmp_path / "one.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    blue = np.abs(pixels - [int(BLUE[n : n + 2], 16) for n in (1, 3, 5)]).max(axis=-1) < 30
    y, x = np.nonzero(blue)
    # the panel is 600 pixels wide; at precision 1 up to recall 0.25, at 0.5 up to 0.5, and there down to 0
    side = 600 / 1.03
    assert x.max() - x.min() == pytest.approx(side / 2, abs=5)
    assert y.max() - y.min() == pytest.approx(side, abs=5)
    top = x[y < y.min() + 3]
    assert top.max() - top.min() == pytest.approx(side / 4, abs=5)
