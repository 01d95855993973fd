"""How many pairs of a split are used, and why the others are not: numbers for the first lines of a run."""

from collections.abc import Mapping
from dataclasses import dataclass

from src.data.sources import Split


@dataclass(frozen=True, kw_only=True)
class SplitCounts:
    """The pairs of one split.

    ``listed``: before any was left out, after ``datamodule.fraction``. ``left_out``: by reason, such as "report empty".
    ``unknown_share``: of the reports' tokens, how many the vocabulary does not know; None without reports.
    """

    split: Split
    listed: int
    kept: int
    left_out: Mapping[str, int]
    unknown_share: float | None
