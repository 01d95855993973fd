"""The threshold of the highest F1, against every possible cut-off."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import binary_f1_score

from src.core.case_keys import CaseKeys
from src.evaluation.cases import Scores
from src.evaluation.measure import measure
from src.evaluation.threshold import best_threshold, without_threshold


@given(seed=st.integers(0, 10_000), count=st.integers(1, 25))
def test_no_other_cut_off_is_better(seed: int, count: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    score = torch.randint(0, 6, (count, 1), generator=generator).double() / 5
    label = torch.randint(0, 2, (count, 1), generator=generator).double()
    label[torch.rand(count, 1, generator=generator) < 0.2] = math.nan
    known = ~label[:, 0].isnan()
    chosen = best_threshold(score, label)
    if not ((label == 1).any() and (label == 0).any()):
        assert chosen.isnan().all()
        return

    def f1(cut: float) -> float:
        return float(binary_f1_score((score[known, 0] >= cut).long(), label[known, 0].long()))

    assert f1(float(chosen)) >= max(f1(float(cut)) for cut in score.unique()) - 1e-6


def test_by_hand() -> None:
    score = torch.tensor([[0.9], [0.8], [0.7], [0.1]])
    label = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    # cuts: 0.9 gives 2/3, 0.8 gives 1/2, 0.7 gives 4/5, 0.1 gives 2/3
    assert best_threshold(score, label).tolist() == [torch.tensor(0.7).double().item()]


def test_a_finding_that_validation_cannot_choose_for_has_no_threshold_rather_than_a_half() -> None:
    score = torch.tensor([[0.9, 0.9, 0.9], [0.2, 0.2, 0.2]])
    label = torch.tensor([[0.0, 1.0, math.nan], [0.0, 1.0, math.nan]])
    assert best_threshold(score, label).isnan().tolist() == [True, True, True]


def _cases(threshold: list[float]) -> Scores:
    generator = torch.Generator().manual_seed(3)
    score_NF = torch.rand(40, 3, generator=generator, dtype=torch.float64)
    return Scores(
        keys=CaseKeys.of(torch.arange(40)),
        names=("a", "b", "c"),
        score_NF=score_NF,
        label_NF=(torch.rand(40, 3, generator=generator) < score_NF).double(),
        exclusive=False,
        probabilities=True,
        threshold_F=torch.tensor(threshold, dtype=torch.float64),
    )


def test_decisions_and_their_means_are_over_the_findings_with_a_threshold() -> None:
    cases = _cases([0.5, math.nan, 0.3])
    figures = measure(cases, group="x", resamples=30)
    assert without_threshold(cases) == ["b"]
    assert not {f"x/{metric}/b" for metric in ("f1", "sensitivity", "specificity")} & set(figures)
    whole = measure(_cases([0.5, 0.5, 0.3]), group="x", resamples=30)
    for metric in ("f1", "sensitivity", "specificity"):
        own = [figures[f"x/{metric}/{name}"] for name in "ac"]
        assert own == [whole[f"x/{metric}/{name}"] for name in "ac"]
        mean = figures[f"x/{metric}_mean"]
        assert mean.value == pytest.approx(sum(figure.value for figure in own) / 2)
        assert mean.low <= mean.value <= mean.high
    # what needs no threshold ranges over all three
    for name in ("x/auroc_mean", "x/brier_mean", "x/auroc/b", "x/findings"):
        assert figures[name] == whole[name]


def test_without_any_threshold_there_is_no_decision() -> None:
    figures = measure(_cases([math.nan] * 3), group="x", resamples=0)
    assert "x/auroc_mean" in figures
    assert not any("f1" in name or "sensitivity" in name for name in figures)
