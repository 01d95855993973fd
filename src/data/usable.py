"""Which pairs of a split can be used, and what is said of the others.

Axes: N pairs, F findings.
"""

import logging
from collections import Counter
from typing import NamedTuple

import numpy as np

from src.core.rules import Rules
from src.data.report import caption
from src.data.report_sections import Sections, read_sections
from src.data.sources import PairTable, SectionedTable, SentenceTable, Split

_log = logging.getLogger(__name__)

EMPTY = "report empty"
NO_SECTION = "report without findings or impression"
SHORT = "report too short"
OTHER_SCRIPT = "report not in Latin script"
NO_LABEL = "without a known label"


class UsableReports(NamedTuple):
    """``captions``: the cleaned reports of the pairs ``index_K``. ``left_out``: how many others, by reason."""

    captions: list[str]
    index_K: np.ndarray
    left_out: dict[str, int]


def usable_reports(name: Split, table: PairTable, index_N: np.ndarray, rules: Rules) -> tuple[list[str], np.ndarray]:
    """The cleaned reports of which something is left, and the pairs they belong to."""
    usable = read_reports(name, table, index_N, rules, advice="")
    return usable.captions, usable.index_K


def read_reports(name: Split, table: PairTable, index_N: np.ndarray, rules: Rules, *, advice: str) -> UsableReports:
    """Return the cleaned reports, and warn of those of which nothing is left: how many for each reason, what to set.

    ``advice``: the data set's own settings of its reports, a sentence; "" for none.
    """
    captions: list[str] = []
    kept_N = np.zeros(len(index_N), dtype=bool)
    left_out: Counter[str] = Counter()
    for position, index in enumerate(index_N):
        sections = _sections(table, int(index), rules)
        text = caption(*sections, rules)
        if text is None:
            left_out[_why(table, int(index), sections)] += 1
        else:
            captions.append(text)
            kept_N[position] = True
    if left_out:
        say(_message(name, left_out, len(index_N), rules, advice))
    return UsableReports(captions, index_N[kept_N], dict(left_out))


def _sections(table: PairTable, index: int, rules: Rules) -> Sections:
    if isinstance(table, SectionedTable):
        return table.sections(index, rules)
    return read_sections(table.report(index), rules)


def _why(table: PairTable, index: int, sections: Sections) -> str:
    if isinstance(table, SentenceTable) and table.reports_from == "labels":
        return NO_LABEL
    if not any(sign.isalnum() for sign in table.report(index)):
        return EMPTY
    letters = [sign for sign in "".join(sections) if sign.isalpha()]
    if not "".join(sections).strip():
        return NO_SECTION
    if sum(not sign.isascii() for sign in letters) * 2 > len(letters):
        return OTHER_SCRIPT
    return SHORT


def _message(name: Split, left_out: Counter[str], total: int, rules: Rules, advice: str) -> str:
    count = left_out.total()
    if set(left_out) == {NO_LABEL}:
        return f"{name}: {count} of {total} images have no known label to make a sentence of; they are left out"
    reasons = ", ".join(f"{number} {reason.removeprefix('report ')}" for reason, number in left_out.items())
    settings = []
    if rules == "published" and left_out.keys() & {SHORT, OTHER_SCRIPT, NO_SECTION}:
        settings.append("rules=corrected keeps short reports, other scripts, and text below other headings")
    if advice and left_out.keys() & {EMPTY, NO_SECTION}:
        settings.append(advice)
    sentences = "".join(f". {setting}" for setting in settings)
    return f"{name}: {count} of {total} reports have no usable text ({reasons}); their pairs are left out{sentences}"


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
