"""A measured figure and how far it could have come out otherwise."""

from collections.abc import Mapping
from typing import NamedTuple


class Estimate(NamedTuple):
    """A figure with its 95 % interval; both ends are NaN where none was estimated."""

    value: float
    low: float
    high: float


Figure = Estimate | float | int
Figures = Mapping[str, Figure]
"""Figures by name, ``group/metric`` or ``group/metric/finding``; counts are integers and have no interval."""


def value_of(figure: Figure) -> float:
    """The figure itself."""
    return figure.value if isinstance(figure, Estimate) else figure
