"""AUROC with unknown labels, against the definition: the probability that a positive outranks a negative."""

import logging
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.evaluation.auroc import finding_auroc, judged_findings, masked_auroc

NAN = math.nan


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
    judged = judged_findings(label)
    if not judged:
        return
    measured = masked_auroc(score[:, judged], label[:, judged])
    expected = [by_pairs(score[:, i], label[:, i]) for i in judged]
    assert measured.tolist() == pytest.approx(expected, abs=1e-6)


def test_large_scores_stay_apart():
    score = torch.tensor([[100.0], [101.0], [102.0], [103.0]])
    label = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    assert masked_auroc(score, label).tolist() == [1.0]


def test_names_and_what_is_left_out(caplog: pytest.LogCaptureFixture):
    score = torch.tensor([[0.9, 0.1, 0.5], [0.1, 0.2, 0.5], [0.8, 0.3, 0.5], [0.7, 0.9, 0.5]])
    label = torch.tensor([[1, 0, 1], [0, 0, 0], [1, NAN, NAN], [NAN, 0, 1]])
    with caplog.at_level(logging.WARNING):
        figures = finding_auroc(score, label, ["edema", "nodule", "fracture"], prefix="zero_shot")
    assert figures == {
        "zero_shot/auroc_mean": 0.75,
        "zero_shot/auroc/edema": 1.0,
        "zero_shot/auroc/fracture": 0.5,
        "zero_shot/findings": 2,
    }
    assert "nodule" in caplog.text
    assert "edema" not in caplog.text


def test_nothing_to_judge_gives_no_mean():
    figures = finding_auroc(torch.zeros(3, 1), torch.full((3, 1), NAN), ["edema"], prefix="probe")
    assert figures == {"probe/findings": 0}
