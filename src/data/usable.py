"""Which pairs of a split can be used, and what is said of the others.

Axes: N pairs, F findings.
"""

import logging
from typing import NamedTuple

import numpy as np

from src.core.rules import Rules
from src.data.report import Sections, caption, read_sections
from src.data.sources import PairTable, SectionedTable, Split

_log = logging.getLogger(__name__)


class Skipped(NamedTuple):
    """A pair left out because its image cannot be used; nothing in it says whose it is."""

    split: Split
    row: int
    file: str
    reason: str


def usable_reports(name: Split, table: PairTable, index_N: np.ndarray, rules: Rules) -> tuple[list[str], np.ndarray]:
    """The cleaned reports of which something is left, and the pairs they belong to."""
    cleaned = [caption(*_sections(table, int(index), rules), rules) for index in index_N]
    captions = [text for text in cleaned if text is not None]
    dropped = len(cleaned) - len(captions)
    if dropped:
        say(
            f"{name}: {dropped} of {len(cleaned)} reports hold no section, or too few words, under the {rules} rules; "
            "their pairs are left out"
        )
    return captions, index_N[[text is not None for text in cleaned]]


def _sections(table: PairTable, index: int, rules: Rules) -> Sections:
    if isinstance(table, SectionedTable):
        return table.sections(index, rules)
    return read_sections(table.report(index), rules)


def usable_labels(name: Split, table: PairTable, index_N: np.ndarray, *, exclusive: bool) -> np.ndarray:
    """The pairs whose labels say something: any finding known, or, where ``exclusive``, exactly one of the classes."""
    label_NF = table.label_NF[index_N]
    kept_N = (label_NF == 1).sum(axis=1) == 1 if exclusive else ~np.isnan(label_NF).all(axis=1)
    if not kept_N.all():
        reason = "have none of the classes, or several" if exclusive else "have no known label"
        say(f"{name}: {(~kept_N).sum()} of {len(kept_N)} images {reason}; they are left out")
    return index_N[kept_N]


def say(message: str) -> None:
    """Warn once, and not in every process."""
    from lightning.pytorch.utilities import rank_zero_only

    rank_zero_only(_log.warning)(message)
