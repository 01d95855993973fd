"""Whether two methods differ by more than the choice of patients and of trainings explains.

Axes: R resamples, N cases, S trainings (pairs of runs of one seed).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from src.evaluation.cases import Cases, Matches, Scores, Values
from src.evaluation.resample import SEED, draw_weights, resampled

MIN_TRAININGS = 3
"""With fewer, the spread between trainings is not known well enough for a test."""


_ROUNDING = 1e-12
_MARGIN = 1.2
"""By which the variance between trainings is taken too large: where that of three is small by chance, the patients'
critical value alone would count, and 1.1 % be starred at the level of 1 % that a table of six rows asks for."""


class Difference(NamedTuple):
    """A mean difference with its 95 % interval and two-sided p value.

    ``trainings``: how many pairs of runs with a common seed it is over. With ``MIN_TRAININGS`` or more, interval and p
    value speak of the methods, on other patients and in other trainings; with fewer, of these trained models on other
    patients alone.
    """

    value: float
    low: float
    high: float
    p: float
    trainings: int

    @property
    def is_tested(self) -> bool:
        """Whether the p value is one of the methods."""
        return self.trainings >= MIN_TRAININGS and not math.isnan(self.p)


def draw_figures(cases: Cases, *, resamples: int) -> dict[str, Tensor]:
    """Every figure of ``cases`` in every resample, float64 (R,), by its name without the group.

    The same patients are drawn for the same cases, whoever evaluated them: only so are two models paired.
    """
    return resampled(cases, draw_weights(cases.keys.group_N, resamples=resamples, seed=SEED))


def same_cases(one: Cases, other: Cases) -> bool:
    """Whether two models were evaluated on the same cases with the same labels, in the same order."""
    if type(one) is not type(other) or one.names != other.names or len(one.keys) != len(other.keys):
        return False
    same = torch.equal(one.keys.row_N, other.keys.row_N) and torch.equal(one.keys.group_N, other.keys.group_N)
    if isinstance(one, Scores) and isinstance(other, Scores):
        same = same and torch.equal(one.label_NF.nan_to_num(-1), other.label_NF.nan_to_num(-1))
    if isinstance(one, Matches) and isinstance(other, Matches):
        # which images count may differ: a protocol may leave out those of which a model found nothing
        how = all(getattr(one, name) == getattr(other, name) for name in ("overlap_T", "metrics", "least_score"))
        same = same and how and torch.equal(one.object_NF, other.object_NF)
    return same


def same_findings(one: Cases, other: Cases) -> bool:
    """Whether the means of two models on the same cases are over the same findings."""
    if isinstance(one, Matches) and isinstance(other, Matches):
        return one.judged() == other.judged()
    return True


def with_common_values(one: Cases, other: Cases) -> tuple[Cases, Cases]:
    """Both, each measure left to the cases for which both have a value; the same objects where nothing is left out."""
    if not isinstance(one, Values) or not isinstance(other, Values):
        return one, other
    known_NM = ~(one.value_NM.isnan() | other.value_NM.isnan())
    if all(torch.equal(known_NM, ~cases.value_NM.isnan()) for cases in (one, other)):
        return one, other
    return one.restricted_to(known_NM), other.restricted_to(known_NM)


def difference_of_trainings(
    observed_S: Sequence[float], drawn_SR: Sequence[Tensor], *, patients: int, level: float = 0.05
) -> Difference:
    """The mean difference of two methods, where each training is a unit and the patients are shared by all of them.

    The design is that of readers who all read the same cases (Obuchowski and Rockette, Commun. Stat. Simul. 1995), with
    trainings as the readers. The variance of the mean over S trainings has two parts: that of the patients, v_p, from
    the bootstrap, in which the same patients are drawn for all trainings; and that between trainings, v_t = s^2 / S of
    the sample variance s^2. v_p is taken times m / (m - 1) for m patients, since a bootstrap of few draws them too much
    alike, and v_t times ``_MARGIN``. The ratio of the mean to sqrt(v_p + v_t) is held against the critical values of
    Student's t at m - 1 and S - 1 degrees of freedom, weighted by v_p and v_t (Cochran and Cox, Experimental Designs,
    1957, section 4.14), which holds the level also where one part is small. Of a single training or two, v_t is not
    known: interval and p value are then of the patients alone.

    Args:
        observed_S: the difference of each pair of runs of one seed.
        drawn_SR: the same in every resample of the patients, (R,) each; NaN where a resample does not define it.
        patients: m, those that limit the metric (``PatientCounts``), at least 2.
        level: of the interval, which covers 1 - level.

    Returns:
        p is 1 where both are the same throughout, and 2 / (R + 1) where they differ by the same in every resample.
    """
    drawn_R = torch.stack(list(drawn_SR)).mean(dim=0)
    drawn_R = drawn_R[~drawn_R.isnan()]
    trainings, value = len(observed_S), float(torch.tensor(observed_S, dtype=torch.float64).mean())
    if len(drawn_R) < 2:
        return Difference(value, math.nan, math.nan, math.nan, trainings)
    parts = [(float(drawn_R.var()) * patients / (patients - 1), patients - 1)]
    if trainings >= MIN_TRAININGS:
        spread = float(torch.tensor(observed_S, dtype=torch.float64).var())
        parts.append((_MARGIN * spread / trainings, trainings - 1))
    error = math.sqrt(sum(variance for variance, _ in parts))
    reach = _critical(parts, level) * error
    p = _p_value(abs(value) / error, parts) if error > _ROUNDING else 1.0 if value == 0 else 2 / (len(drawn_R) + 1)
    return Difference(value, value - reach, value + reach, p, trainings)


def _critical(parts: Sequence[tuple[float, int]], level: float) -> float:
    """The critical value at ``level``, two-sided, weighted by the variances."""
    from scipy.stats import t

    total = sum(variance for variance, _ in parts)
    if total == 0:
        return 0.0
    return float(sum(variance * t.isf(level / 2, freedom) for variance, freedom in parts) / total)


def _p_value(ratio: float, parts: Sequence[tuple[float, int]]) -> float:
    """The level at which ``ratio`` is the critical value."""
    from scipy.optimize import brentq

    least = 1e-12
    if ratio >= _critical(parts, least):
        return least
    return float(brentq(lambda level: _critical(parts, level) - ratio, least, 1.0))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction (1979) of several p values for being several, in their order; NaN stays and does not count."""
    order = sorted((i for i, p in enumerate(p_values) if p == p), key=lambda i: p_values[i])
    corrected = list(p_values)
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[i]))
        corrected[i] = highest
    return corrected
