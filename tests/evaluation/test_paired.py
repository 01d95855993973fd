"""The test of two methods against values worked out by hand, textbook forms, and what it is calibrated to.

Axes: S trainings, N patients, R resamples.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from src.core.case_keys import CaseKeys
from src.evaluation.cases import Scores, Values
from src.evaluation.paired import (
    Difference,
    difference_of_trainings,
    draw_figures,
    holm,
    same_cases,
    with_common_values,
)
from tests.evaluation.null_tables import false_alarms, null_table


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
    observed = [float(a.mean() - b.mean()) for a, b in zip(ours, theirs, strict=True)]
    return difference_of_trainings(observed, drawn, patients=len(ours[0]))


def test_pairing_takes_out_what_both_share() -> None:
    hard_N = np.random.default_rng(0).normal(size=200)
    found = _compare([hard_N + 0.01], [hard_N])
    # every case is better by the same 0.01: no resample says otherwise
    assert (found.value, found.low, found.high) == pytest.approx((0.01, 0.01, 0.01))
    assert found.p == pytest.approx(2 / 4001)
    # of one training, nothing is said of others
    assert not found.is_tested


def test_one_training_is_the_paired_t_test_over_patients() -> None:
    draw = np.random.default_rng(1)
    a_N, b_N = draw.normal(0.2, 1, size=60), draw.normal(0, 1, size=60)
    found = _compare([a_N], [b_N], resamples=20000)
    expected = stats.ttest_rel(a_N, b_N)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=0.01)
    assert found.p == pytest.approx(expected.pvalue, abs=0.01)


def test_patients_that_agree_leave_the_t_test_over_trainings() -> None:
    same_N = np.zeros(50)
    found = _compare([same_N + 1, same_N + 1.2, same_N + 1.6], [same_N] * 3)
    # the variance between trainings is taken a fifth too large
    expected = stats.ttest_1samp([1, 1.2, 1.6], 0)
    assert found.p == pytest.approx(2 * stats.t.sf(expected.statistic / math.sqrt(1.2), 2))
    reach = (expected.confidence_interval(0.95).high - found.value) * math.sqrt(1.2)
    assert (found.low, found.high) == pytest.approx((found.value - reach, found.value + reach))
    assert found.is_tested


def test_both_parts_by_hand() -> None:
    # resamples of variance 0.04 whatever the training, of 5 patients; trainings of variance 0.03
    drawn_R = torch.tensor([-0.2, 0.2], dtype=torch.float64).repeat(500)
    found = difference_of_trainings([0.2, 0.5, 0.35], [drawn_R] * 3, patients=5)
    of_patients, of_trainings = float(drawn_R.var()) * 5 / 4, 1.2 * 0.0225 / 3
    error = math.sqrt(of_patients + of_trainings)
    critical = (of_patients * 2.7764 + of_trainings * 4.3027) / error**2
    assert found.high - found.value == pytest.approx(critical * error, rel=1e-4)
    assert found.value == pytest.approx(0.35)


def test_a_thing_against_itself_is_never_a_difference() -> None:
    for trainings in (1, 3, 5):
        same = [np.random.default_rng(seed).normal(size=40) for seed in range(trainings)]
        assert _compare(same, same).p == 1


def test_resamples_without_a_figure_do_not_count() -> None:
    nan = torch.full((9,), torch.nan, dtype=torch.float64)
    assert math.isnan(difference_of_trainings([0.5], [nan], patients=9).p)
    drawn = torch.cat([torch.full((99,), 0.5, dtype=torch.float64), nan])
    assert difference_of_trainings([0.5], [drawn], patients=9).p == pytest.approx(2 / 100)


@pytest.mark.parametrize("spread", [0.0, 1.0, 3.0])
def test_at_most_one_null_cell_and_one_null_table_in_twenty_is_starred(spread: float) -> None:
    cells, tables = false_alarms(250, spread=spread)
    assert cells <= 0.05
    assert tables <= 0.05


def test_a_real_difference_is_found_also_among_several() -> None:
    tables = [null_table(number, spread=0.5, gain=1.5) for number in range(40)]
    corrected = [p for table in tables for p in holm([difference.p for difference in table])]
    assert np.mean([p < 0.05 for p in corrected]) > 0.9


def test_measures_are_compared_over_the_cases_that_both_have() -> None:
    one = _values(np.array([1.0, math.nan, 3.0, 4.0]))
    other = _values(np.array([1.0, 2.0, math.nan, 8.0]))
    left, right = with_common_values(one, other)
    assert isinstance(left, Values)
    assert isinstance(right, Values)
    assert (~left.value_NM.isnan()).flatten().tolist() == [True, False, False, True]
    assert torch.equal(left.value_NM.isnan(), right.value_NM.isnan())
    assert with_common_values(one, one) == (one, one)


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
