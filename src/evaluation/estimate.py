"""A metric's value, and how far it could have come out otherwise."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

LEAST_SHARE = 0.9
"""Of the resamples must define a metric, or it gets no interval."""

_ROUNDING = 1e-9


class Estimate(NamedTuple):
    """A value with its 95 % interval; both ends are NaN where there is none.

    ``resamples``: how many bootstrap resamples the interval rests on. ``reason``: why there is no interval, where one
    was asked for.
    """

    value: float
    low: float = torch.nan
    high: float = torch.nan
    resamples: int = 0
    reason: str = ""


Figure = Estimate | float | int
Figures = Mapping[str, Figure]
"""Figures by name, ``group/metric`` or ``group/metric/finding``; counts are integers and have no interval."""


def value_of(figure: Figure) -> float:
    """The figure itself."""
    return figure.value if isinstance(figure, Estimate) else figure


def percentile_interval(value: float, drawn_R: Tensor, *, centred: bool = False) -> Estimate:
    """``value`` with the middle 95 % of its bootstrap resamples (Efron and Tibshirani 1993, chapter 13).

    Args:
        value: the metric on all cases, between 0 and 1 where ``centred``.
        drawn_R: the metric in each of R resamples, NaN where a resample does not define it.
        centred: move the resamples so that ``value`` is their median first (the same, chapter 10). A calibration error
            is larger in a resample than on all cases, since a resample holds fewer different cases in each bin.

    Returns:
        No interval, and the reason, where fewer than ``LEAST_SHARE`` of the resamples define the metric, or where the
        value lies outside: the resamples are then biased, and their percentiles say nothing of it.
    """
    defined_R = drawn_R[~drawn_R.isnan()]
    count = len(defined_R)
    if value != value:
        return Estimate(value)
    if count < LEAST_SHARE * len(drawn_R):
        return Estimate(value, resamples=count, reason=f"only {count} of {len(drawn_R)} resamples define it")
    if centred:
        defined_R = (defined_R - defined_R.quantile(0.5) + value).clamp(0, 1)
    ends = torch.tensor([0.025, 0.975], dtype=torch.float64)
    low, high = defined_R.quantile(ends).tolist()
    # sums of other weights round otherwise
    slack = _ROUNDING * max(1.0, abs(value))
    if not low - slack <= value <= high + slack:
        return Estimate(value, resamples=count, reason="the resamples lie to one side of it")
    return Estimate(value, min(low, value), max(high, value), resamples=count)
