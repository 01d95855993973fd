"""Figures and their intervals, against torchmetrics on resamples that are written out, and by hand.

Axes: N cases, R resamples, F findings.
"""

import logging
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_average_precision,
    binary_calibration_error,
    binary_f1_score,
    binary_specificity,
)

from src.core.calibration import BINS
from src.core.case_keys import CaseKeys
from src.evaluation.cases import Scores, Values
from src.evaluation.measure import masked_auroc, measure, say_left_out
from src.evaluation.resample import draw_weights, evaluable_findings, resampled

NAN = float("nan")


def _scores(score, label, *, exclusive=False, probabilities=True, threshold=None, group=None) -> Scores:
    score_NF, label_NF = torch.tensor(score, dtype=torch.float64), torch.tensor(label, dtype=torch.float64)
    count, findings = score_NF.shape
    keys = CaseKeys.of(torch.arange(count))
    if group is not None:
        keys = CaseKeys(row_N=keys.row_N, group_N=torch.tensor(group), image_id_N=None)
    return Scores(
        keys=keys,
        names=tuple("abcdef"[:findings]),
        score_NF=score_NF,
        label_NF=label_NF,
        exclusive=exclusive,
        probabilities=probabilities,
        threshold_F=None if threshold is None else torch.full((findings,), threshold, dtype=torch.float64),
    )


def _made(seed: int, count: int, *, levels: int) -> Scores:
    """Random scores of few levels, so that many tie, with unknown labels."""
    rng = np.random.default_rng(seed)
    score_NF = rng.integers(0, levels, (count, 3)) / levels + 0.01
    label_NF = (rng.random((count, 3)) < 0.4).astype(float)
    label_NF[rng.random((count, 3)) < 0.1] = np.nan
    return _scores(score_NF.tolist(), label_NF.tolist(), threshold=0.5)


REFERENCES = {
    "auroc": lambda s, y: binary_auroc(s, y),
    "average_precision": lambda s, y: binary_average_precision(s, y),
    "f1": lambda s, y: binary_f1_score((s >= 0.5).long(), y),
    "specificity": lambda s, y: binary_specificity((s >= 0.5).long(), y),
    "brier": lambda s, y: (s - y).square().mean(),
    "calibration_error": lambda s, y: binary_calibration_error(s, y, n_bins=BINS),
}


@given(seed=st.integers(0, 10_000), count=st.integers(12, 40), levels=st.integers(2, 30))
def test_a_resample_is_the_metric_of_the_drawn_cases(seed: int, count: int, levels: int) -> None:
    cases = _made(seed, count, levels=levels)
    weight_RN = draw_weights(cases.keys.group_N, resamples=3, seed=seed)
    drawn = resampled(cases, weight_RN)
    for r in range(3):
        index = torch.arange(count).repeat_interleave(weight_RN[r].long())
        for f, name in enumerate(cases.names):
            label = cases.label_NF[index, f]
            score, label = cases.score_NF[index, f][~label.isnan()], label[~label.isnan()].long()
            if len(label.unique()) < 2:
                assert drawn[f"auroc/{name}"][r].isnan()
                continue
            for metric, reference in REFERENCES.items():
                assert float(drawn[f"{metric}/{name}"][r]) == pytest.approx(float(reference(score, label)), abs=1e-6)


def test_the_figures_are_those_of_all_cases_once() -> None:
    cases = _made(0, 60, levels=9)
    once = resampled(cases, torch.ones(1, 60))
    for name, figure in measure(cases, group="g", resamples=0).items():
        if name != "g/findings":
            assert figure.value == pytest.approx(float(once[name.partition("/")[2]]), abs=1e-6)
            assert math.isnan(figure.low)


def test_classes_by_hand() -> None:
    # three classes, four cases; the third case is taken for class a and is of class c
    score = [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.5, 0.1, 0.4], [0.1, 0.2, 0.7]]
    label = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]
    figures = measure(_scores(score, label, exclusive=True), group="x", resamples=0)
    assert figures["x/accuracy"].value == pytest.approx(0.75)
    assert figures["x/accuracy/c"].value == pytest.approx(0.5)
    assert figures["x/accuracy_mean"].value == pytest.approx((1 + 1 + 0.5) / 3)
    assert figures["x/f1/a"].value == pytest.approx(2 / 3)
    assert figures["x/auroc/a"].value == pytest.approx(1.0)
    assert figures["x/findings"] == 3


def test_a_finding_of_one_kind_is_left_out_and_named(caplog: pytest.LogCaptureFixture) -> None:
    label = [[1, 0, NAN], [0, 0, 1], [1, 0, NAN], [0, NAN, 1]]
    score = [[0.9, 0.1, 0.2], [0.2, 0.3, 0.4], [0.1, 0.2, 0.3], [0.0, 0.5, 0.6]]
    cases = _scores(score, label)
    with caplog.at_level(logging.WARNING):
        say_left_out(cases, group="x")
    figures = measure(cases, group="x", resamples=20)
    assert "b, c" in caplog.text
    assert figures["x/findings"] == 1
    assert figures["x/auroc_mean"].value == figures["x/auroc/a"].value == pytest.approx(0.75)
    assert not any(name.endswith(("/b", "/c")) for name in figures)


def test_no_finding_that_can_be_judged() -> None:
    assert measure(_scores([[0.1], [0.2]], [[0], [0]]), group="x", resamples=5) == {"x/findings": 0}


def test_scores_outside_zero_and_one_are_not_squashed() -> None:
    # a sigmoid in float32 would make both of the large scores 1
    figures = measure(_scores([[-3.0], [40.0], [41.0]], [[0], [0], [1]], probabilities=False), group="x", resamples=0)
    assert figures["x/auroc_mean"].value == 1.0
    assert "x/brier_mean" not in figures


def test_patients_are_drawn_whole() -> None:
    group = torch.tensor([7, 7, 7, 3, 9, 3])
    weight_RN = draw_weights(group, resamples=50, seed=1)
    for number in (3, 7, 9):
        own_RN = weight_RN[:, group == number]
        assert (own_RN == own_RN[:, :1]).all()
    per_group_RG = torch.stack([weight_RN[:, group == number][:, 0] for number in (3, 7, 9)], dim=1)
    assert (per_group_RG.sum(dim=1) == 3).all()
    assert len(per_group_RG.unique(dim=0)) > 3


def test_values_are_means_over_the_cases_that_count() -> None:
    value = torch.tensor([[1.0, NAN], [0.0, 4.0], [1.0, 2.0]], dtype=torch.float64)
    cases = Values(keys=CaseKeys.of(torch.arange(3)), names=("hit", "size"), value_NM=value)
    figures = measure(cases, group="g", resamples=2000)
    assert figures["g/hit"].value == pytest.approx(2 / 3)
    assert figures["g/size"].value == pytest.approx(3.0)
    assert figures["g/hit"].reason == "3 patients in all"
    assert figures["g/size"].reason == "2 patients with it"
    drawn = resampled(cases, torch.tensor([[2.0, 1.0, 0.0]]))
    assert float(drawn["size"]) == pytest.approx(4.0)


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    # 400 coin tosses: 1.96 * sqrt(0.25 / 400) = 0.049 to either side
    value = torch.tensor([[float(i % 2)] for i in range(400)], dtype=torch.float64)
    cases = Values(keys=CaseKeys.of(torch.arange(400)), names=("heads",), value_NM=value)
    figure = measure(cases, group="g", resamples=4000)["g/heads"]
    assert figure.high - 0.5 == pytest.approx(0.049, abs=0.004)
    assert 0.5 - figure.low == pytest.approx(0.049, abs=0.004)


def by_pairs(score: torch.Tensor, label: torch.Tensor) -> float:
    lead = score[label == 1].double()[:, None] - score[label == 0].double()[None]
    return float(((lead > 0).double() + 0.5 * (lead == 0).double()).mean())


@given(
    n=st.integers(2, 40),
    findings=st.integers(1, 4),
    levels=st.sampled_from([2, 5, 1000]),
    scale=st.sampled_from([0.001, 1.0, 1000.0]),
    seed=st.integers(0, 10**6),
)
def test_equals_the_definition(n: int, findings: int, levels: int, scale: float, seed: int):
    draw = torch.Generator().manual_seed(seed)
    score = torch.randint(-levels, levels, (n, findings), generator=draw) * scale
    label = torch.randint(0, 2, (n, findings), generator=draw).float()
    label[torch.rand(n, findings, generator=draw) < 0.2] = NAN
    judged = evaluable_findings(label)
    if not judged:
        return
    measured = masked_auroc(score[:, judged], label[:, judged])
    expected = [by_pairs(score[:, i], label[:, i]) for i in judged]
    assert measured.tolist() == pytest.approx(expected, abs=1e-6)


def test_few_patients_give_no_interval() -> None:
    label = [[i % 2, i < 4, i < 16] for i in range(20)]
    score = [[i / 20, (20 - i) / 20, i / 20] for i in range(20)]
    figures = measure(_scores(score, label, threshold=0.5), group="x", resamples=200)
    assert figures["x/auroc/a"].low < figures["x/auroc/a"].high
    assert figures["x/auroc/a"].resamples == 200
    # four positives, of four patients
    assert figures["x/auroc/b"].value == 1.0
    for metric in ("auroc", "average_precision", "f1", "sensitivity", "specificity", "brier", "calibration_error"):
        assert math.isnan(figures[f"x/{metric}/b"].low)
        assert figures[f"x/{metric}/b"].reason == "4 patients with it"
        assert figures[f"x/{metric}/c"].reason == "4 patients without it"
        # a mean of which one part varies nobody knows how
        assert figures[f"x/{metric}_mean"].reason == "b has 4 patients with it"
    common = measure(_scores([one[:1] for one in score], [one[:1] for one in label]), group="x", resamples=200)
    assert not math.isnan(common["x/auroc_mean"].low)


def test_patients_count_and_not_images() -> None:
    label = [[i % 2] for i in range(40)]
    group = [i % 8 for i in range(40)]
    assert measure(_scores([[i / 40] for i in range(40)], label, group=group), group="x", resamples=50)[
        "x/auroc/a"
    ].reason == ("4 patients with it")


def test_classes_of_four_patients_have_no_interval_of_their_accuracy() -> None:
    label = np.eye(3)[[0] * 6 + [1] * 6 + [2] * 4].tolist()
    score = np.random.default_rng(0).dirichlet(np.ones(3), 16).tolist()
    figures = measure(_scores(score, label, exclusive=True), group="x", resamples=100)
    assert figures["x/accuracy/c"].reason == "4 patients with it"
    assert figures["x/accuracy"].low < figures["x/accuracy"].value < figures["x/accuracy"].high
    few = measure(_scores(score[4:8], label[4:8], exclusive=True), group="x", resamples=100)
    assert few["x/accuracy"].reason == "4 patients in all"


def test_a_class_that_no_case_has_enters_no_mean_and_no_resample() -> None:
    label = np.eye(3)[np.arange(40) % 2].tolist()
    score = np.random.default_rng(0).dirichlet(np.ones(3), 40).tolist()
    cases = _scores(score, label, exclusive=True)
    drawn = resampled(cases, draw_weights(cases.keys.group_N, resamples=5, seed=0))
    assert not any(name.endswith("/c") for name in drawn)
    for metric in ("auroc", "brier", "calibration_error", "f1", "accuracy"):
        assert torch.equal(drawn[f"{metric}_mean"], (drawn[f"{metric}/a"] + drawn[f"{metric}/b"]) / 2)
    # a case is of the class that scores highest of all three
    right = np.argmax(score, 1) == np.argmax(label, 1)
    assert measure(cases, group="x", resamples=50)["x/accuracy"].value == pytest.approx(right.mean())


def _random_table(number: int) -> Scores:
    """Findings or classes, some rare, some absent, some unknown, of patients with one or several cases."""
    draw = np.random.default_rng(number)
    count, findings = int(draw.integers(8, 90)), int(draw.integers(1, 5))
    exclusive = bool(number % 2) and findings > 1
    if exclusive:
        share = draw.dirichlet(np.full(findings, 0.4))
        label_NF = np.eye(findings)[draw.choice(findings, count, p=share)]
        strength_NF = np.exp(draw.normal(size=(count, findings)) + draw.uniform(0, 2) * label_NF)
        score_NF = strength_NF / strength_NF.sum(1, keepdims=True)
    else:
        label_NF = (draw.random((count, findings)) < draw.choice([0, 0.03, 0.1, 0.4, 1], findings)).astype(float)
        label_NF[draw.random((count, findings)) < 0.1] = np.nan
        score_NF = draw.random((count, findings)) ** draw.uniform(0.3, 3)
    group = draw.integers(0, count, count).tolist() if number % 3 else None
    threshold = None if exclusive else float(draw.uniform(0.1, 0.9))
    return _scores(score_NF.tolist(), label_NF.tolist(), exclusive=exclusive, threshold=threshold, group=group)


def test_every_value_lies_in_its_interval_and_the_reason_is_said_where_there_is_none() -> None:
    intervals = 0
    for number in range(500):
        for name, figure in measure(_random_table(number), group="x", resamples=100).items():
            if not name.endswith("/findings"):
                assert not math.isnan(figure.value), (number, name)
                assert math.isnan(figure.low) == bool(figure.reason), (number, name, figure)
                if not figure.reason:
                    intervals += 1
                    assert figure.low <= figure.value <= figure.high, (number, name, figure)
                    assert figure.resamples >= 90
    assert intervals > 2000


def test_a_mean_needs_all_its_findings_in_a_resample() -> None:
    label = [[1, 1], [0, 1], [1, 1], [0, 0]]
    cases = _scores([[0.9, 0.1], [0.2, 0.3], [0.8, 0.2], [0.1, 0.4]], label)
    # the second resample holds no negative of b
    drawn = resampled(cases, torch.tensor([[1.0, 1.0, 1.0, 1.0], [2.0, 1.0, 1.0, 0.0]]))
    assert not drawn["auroc_mean"][0].isnan()
    assert drawn["auroc/a"][1] == 1.0
    assert drawn["auroc_mean"][1].isnan()


def test_names_of_findings_do_not_decide_which_patients_count() -> None:
    label = [[i % 2, i < 2, i < 12] for i in range(24)]
    score = [[i / 24, (24 - i) / 24, i / 24] for i in range(24)]
    cases = replace(_scores(score, label), names=("auroc_mean", "accuracy", "f1"))
    figures = measure(cases, group="x", resamples=60)
    assert figures["x/auroc_mean"].reason == "accuracy has 2 patients with it"
    assert figures["x/auroc/auroc_mean"].low < figures["x/auroc/auroc_mean"].high
    classes = np.eye(3)[np.arange(24) % 3]
    exclusive = replace(_scores(score, classes.tolist(), exclusive=True), names=("auroc_mean", "accuracy", "f1"))
    assert measure(exclusive, group="x", resamples=60)["x/accuracy"].reason == ""
