"""Whether two models differ by more than the choice of patients and of seeds explains: the paired bootstrap.

Axes: R resamples, N cases, S seeds.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from src.evaluation.cases import Cases, Matches, Scores
from src.evaluation.resample import draw_weights, resampled

_SEED = 0


class Difference(NamedTuple):
    """A mean difference with its 95 % interval and two-sided p value."""

    value: float
    low: float
    high: float
    p: float


def draw_figures(cases: Cases, *, resamples: int) -> dict[str, Tensor]:
    """Every figure of ``cases`` in every resample, float64 (R,), by its name without the group.

    The same patients are drawn for the same cases, whoever judged them: only so are two models paired.
    """
    return resampled(cases, draw_weights(cases.keys.group_N, resamples=resamples, seed=_SEED))


def same_cases(one: Cases, other: Cases) -> bool:
    """Whether two models were judged on the same cases with the same labels, in the same order."""
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


def paired_difference(observed_S: Sequence[float], drawn_SR: Sequence[Tensor]) -> Difference:
    """The mean over seeds of a difference, and what the bootstrap says of it (Efron and Tibshirani 1993, ch. 13, 16).

    ``observed_S``: the difference of each pair of runs with the same seed. ``drawn_SR``: the same difference in every
    resample of the patients, (R,) each. Each resample draws patients, the same ones for both models and all seeds, and
    then, with several seeds, as many pairs with replacement, so that the training's own variation counts. The interval
    holds the middle 95 %; p is twice the share of resamples on the far side of zero (those at zero count on both
    sides), with one added to count and total, so that it is never 0. Few seeds are drawn too much alike: with three,
    the variation between trainings is taken as smaller than it is, and p as smaller too.
    """
    drawn_RS = torch.stack(list(drawn_SR), dim=1)
    resamples, seeds = drawn_RS.shape
    if seeds > 1:
        place_RS = torch.from_numpy(np.random.default_rng(_SEED + 1).integers(seeds, size=(resamples, seeds)))
        drawn_RS = drawn_RS.gather(1, place_RS)
    drawn_R = drawn_RS.mean(dim=1)
    drawn_R = drawn_R[~drawn_R.isnan()]
    value = float(np.mean(observed_S))
    if not len(drawn_R):
        return Difference(value, torch.nan, torch.nan, torch.nan)
    low, high = drawn_R.quantile(torch.tensor([0.025, 0.975], dtype=drawn_R.dtype)).tolist()
    far = min(int((drawn_R <= 0).sum()), int((drawn_R >= 0).sum()))
    return Difference(value, low, high, min(1.0, 2 * (far + 1) / (len(drawn_R) + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction (1979) of several p values for being several, in their order; NaN stays and does not count."""
    order = sorted((i for i, p in enumerate(p_values) if p == p), key=lambda i: p_values[i])
    corrected = list(p_values)
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[i]))
        corrected[i] = highest
    return corrected
