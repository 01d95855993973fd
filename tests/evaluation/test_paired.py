"""The paired bootstrap against values worked out by hand and its textbook form."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.core.case_keys import CaseKeys
from src.evaluation.cases import Scores, Values
from src.evaluation.paired import Difference, draw_figures, holm, paired_difference, same_cases


def _values(value_N: np.ndarray, first_row: int = 0) -> Values:
    keys = CaseKeys(
        row_N=torch.arange(first_row, first_row + len(value_N)), group_N=torch.arange(len(value_N)), image_id_N=None
    )
    return Values(keys=keys, names=("hit",), value_NM=torch.from_numpy(value_N)[:, None])


def _compare(ours: list[np.ndarray], theirs: list[np.ndarray], resamples: int = 4000) -> Difference:
    drawn = [
        draw_figures(_values(a), resamples=resamples)["hit"] - draw_figures(_values(b), resamples=resamples)["hit"]
        for a, b in zip(ours, theirs, strict=True)
    ]
    return paired_difference([a.mean() - b.mean() for a, b in zip(ours, theirs, strict=True)], drawn)


def test_pairing_takes_out_what_both_share() -> None:
    hard_N = np.random.default_rng(0).normal(size=200)
    found = _compare([hard_N + 0.01], [hard_N])
    # every case is better by the same 0.01: no resample says otherwise
    assert found.value == pytest.approx(0.01)
    assert (found.low, found.high) == (pytest.approx(0.01), pytest.approx(0.01))
    assert found.p == pytest.approx(2 / 4001)


def test_the_interval_is_the_textbooks() -> None:
    draw = np.random.default_rng(1)
    a_N, b_N = draw.normal(0.2, 1, size=300), draw.normal(0, 1, size=300)
    found = _compare([a_N], [b_N], resamples=8000)
    error = (a_N - b_N).std() / math.sqrt(300)
    assert found.low == pytest.approx(found.value - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(found.value + 1.96 * error, abs=0.1 * error)
    z = found.value / error
    assert found.p == pytest.approx(math.erfc(z / math.sqrt(2)), abs=0.02)


def test_seeds_count_too() -> None:
    same_N = np.zeros(50)
    # the patients say nothing, and the seeds +1, +1, -1: the mean of three draws is <= 0 with probability 7/27
    found = _compare([same_N + 1, same_N + 1, same_N - 1], [same_N] * 3, resamples=20000)
    assert found.value == pytest.approx(1 / 3)
    assert found.p == pytest.approx(2 * 7 / 27, abs=0.02)
    assert (found.low, found.high) == (-1, 1)


def test_no_difference_is_no_difference() -> None:
    same_N = np.random.default_rng(0).normal(size=40)
    assert _compare([same_N], [same_N]).p == 1


def test_resamples_without_a_figure_do_not_count() -> None:
    nan = torch.full((9,), torch.nan)
    assert math.isnan(paired_difference([0.5], [nan]).p)
    drawn = torch.cat([torch.full((99,), 0.5), nan])
    assert paired_difference([0.5], [drawn]).p == pytest.approx(2 / 100)


def test_other_cases_are_told_apart() -> None:
    one = _values(np.zeros(4))
    assert same_cases(one, _values(np.ones(4)))
    assert not same_cases(one, _values(np.zeros(5)))
    assert not same_cases(one, _values(np.zeros(4), first_row=1))
    scores = [
        Scores(
            keys=CaseKeys.of(torch.arange(2)),
            names=("a",),
            score_NF=torch.zeros(2, 1),
            label_NF=torch.tensor([[label], [torch.nan]], dtype=torch.float64),
            exclusive=False,
            probabilities=False,
            threshold_F=None,
        )
        for label in (0.0, 0.0, 1.0)
    ]
    assert same_cases(scores[0], scores[1])
    assert not same_cases(scores[0], scores[2])


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1]
    corrected = holm([0.02, math.nan, 0.01])
    assert corrected[::2] == [0.02, 0.02]
    assert math.isnan(corrected[1])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_lies_between_none_and_bonferroni(p_values: list[float]) -> None:
    for before, after in zip(p_values, holm(p_values), strict=True):
        assert before <= after <= min(1, len(p_values) * before) + 1e-12
