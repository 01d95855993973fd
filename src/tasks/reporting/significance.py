"""Which cells differ from the baseline's by more than patients and seeds explain.

Axes: R resamples.
"""

from pathlib import Path

from torch import Tensor

from src.evaluation.cases import Cases, load_cases
from src.evaluation.estimate import value_of
from src.evaluation.paired import draw_figures, holm, paired_difference, same_cases
from src.tasks.reporting.axes import Point
from src.tasks.reporting.cells import Cell, Row, Table

LEVEL = 0.05


def compare_rows(table: Table, baseline: Row, *, resamples: int) -> None:
    """Give each cell its difference from ``baseline``'s, by a paired bootstrap, and a p value corrected by Holm.

    Runs are paired by their repeat. Cells that cannot be paired go without, which a note of the table says. The
    correction is over the rows of a column.
    """
    bootstrap = _Bootstrap(resamples)
    reasons: dict[str, list[str]] = {}
    for c, column in enumerate(table.columns):
        others = [row for row in table.rows if row is not baseline and row.cells[c].values]
        for row in others:
            reason = bootstrap.compare(row.cells[c], baseline.cells[c], column.metric)
            if reason:
                reasons.setdefault(reason, []).append(f"{row.label} ({column.label})")
        tested = [row.cells[c] for row in others if row.cells[c].difference is not None]
        corrected = holm([cell.difference.p for cell in tested if cell.difference is not None])
        for cell, p in zip(tested, corrected, strict=True):
            cell.p_corrected = p
    table.notes += [f"Not compared, as {reason}: {'; '.join(cells)}." for reason, cells in reasons.items()]


class _Bootstrap:
    """Reads the cases of each run once, and draws its figures once."""

    def __init__(self, resamples: int) -> None:
        self._resamples = resamples
        self._cases: dict[Path, Cases] = {}
        self._drawn: dict[Path, dict[str, Tensor]] = {}

    def compare(self, cell: Cell, baseline: Cell, metric: str) -> str | None:
        """Set ``cell.difference``, or say why it cannot be."""
        ours, theirs = ({point.repeat: point for point in side.points} for side in (cell, baseline))
        pairs = [(ours[repeat], theirs[repeat]) for repeat in ours if repeat in theirs]
        if not pairs:
            return "no run has the same seed as one of the baseline"
        group, _, name = metric.partition("/")
        observed, drawn = [], []
        for one, other in pairs:
            if group not in one.cases or group not in other.cases:
                return "no cases were kept"
            if not same_cases(self._read(one, group), self._read(other, group)):
                return "other cases were judged than for the baseline"
            drawn_R, drawn_other_R = (self._draw(point, group).get(name) for point in (one, other))
            if drawn_R is None or drawn_other_R is None:
                return "the figure is no mean over cases"
            observed.append(value_of(one.figures[metric]) - value_of(other.figures[metric]))
            drawn.append(drawn_R - drawn_other_R)
        cell.difference = paired_difference(observed, drawn)
        return None

    def _read(self, point: Point, group: str) -> Cases:
        path = point.cases[group]
        if path not in self._cases:
            self._cases[path] = load_cases(path)
        return self._cases[path]

    def _draw(self, point: Point, group: str) -> dict[str, Tensor]:
        path = point.cases[group]
        if path not in self._drawn:
            self._drawn[path] = draw_figures(self._read(point, group), resamples=self._resamples)
        return self._drawn[path]
