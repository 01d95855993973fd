"""Which cells differ by more than patients and trainings explain: stars against a baseline, bold for the best.

Axes: R resamples.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from src.core.errors import UserError
from src.evaluation.cases import Cases, load_cases
from src.evaluation.evaluated_data import EvaluatedData
from src.evaluation.paired import (
    MIN_TRAININGS,
    Difference,
    difference_of_trainings,
    draw_figures,
    holm,
    same_cases,
    same_findings,
    with_common_values,
)
from src.evaluation.patient_counts import MIN_PATIENTS, PatientCounts
from src.evaluation.resample import resampled
from src.tasks.reporting.cells import Cell, Column, Row, Table, name_cells
from src.tasks.reporting.metrics import lower_is_better

LEVEL = 0.05


def compare_rows(table: Table, baseline: Row, comparison: "Comparison") -> None:
    """Give each cell its difference from ``baseline``'s, and a p value corrected by Holm over all cells of the table.

    Runs are paired by their repeat; see ``difference_of_trainings``. Cells that cannot be compared go without, which a
    note of the table says.
    """
    table.baseline = baseline
    reasons: dict[str, list[tuple[Row, Column]]] = {}
    tested: list[Cell] = []
    for c, column in enumerate(table.columns):
        for row in table.rows:
            cell = row.cells[c]
            if row is baseline or not cell.values:
                continue
            result = comparison.compare(cell, baseline.cells[c], column.metric)
            if isinstance(result, str):
                reasons.setdefault(result, []).append((row, column))
                continue
            cell.difference = result
            if result.is_tested:
                tested.append(cell)
    for cell, p in zip(tested, holm([cell.difference.p for cell in tested if cell.difference]), strict=True):
        cell.p_corrected = p
    table.notes += [f"Not compared, as {reason}: {name_cells(table, cells)}." for reason, cells in reasons.items()]


def mark_best(table: Table, comparison: "Comparison") -> None:
    """Mark the best cell of each column where it can be told from every other one of the column.

    The p value of a column is the largest of those of its best cell against the others, as all must differ; it is
    corrected by Holm over the columns. A note of the table says where nothing is marked, and why.
    """
    found: list[tuple[Cell, str, float]] = []
    reasons: dict[str, list[str]] = {}
    for c, column in enumerate(table.columns):
        cells = [row.cells[c] for row in table.rows if row.cells[c].values]
        if len(cells) < 2:
            continue
        best = (min if lower_is_better(column.metric) else max)(cells, key=lambda cell: cell.mean)
        p = comparison.largest_p(best, [cell for cell in cells if cell is not best], column.metric)
        if isinstance(p, str):
            reasons.setdefault(p, []).append(column.label)
        else:
            found.append((best, column.label, p))
    for (best, label, _), p in zip(found, holm([p for *_, p in found]), strict=True):
        best.best = p < LEVEL
        if not best.best:
            reasons.setdefault("the best cannot be told from every other row", []).append(label)
    if any(best.best for best, *_ in found):
        table.notes.append(
            f"Bold: the best of a column, where it differs from every other row (p < {LEVEL}, by the test of trainings "
            "and patients, corrected by Holm over the columns)."
        )
    table.notes += [f"Nothing is bold, as {reason}: {'; '.join(columns)}." for reason, columns in reasons.items()]


class Comparison:
    """Compares cells; the cases of each run are read once, and its figures drawn once."""

    def __init__(self, resamples: int) -> None:
        self._resamples = resamples
        self._cases: dict[Path, Cases] = {}
        self._data: dict[Path, EvaluatedData] = {}
        self._drawn: dict[Path, dict[str, Tensor]] = {}

    def compare(self, cell: Cell, baseline: Cell, metric: str) -> Difference | str:
        """The difference of two cells over their common repeats, or why there is none."""
        ours, theirs = ({point.repeat: point for point in side.points} for side in (cell, baseline))
        pairs = [(ours[repeat], theirs[repeat]) for repeat in ours if repeat in theirs]
        if not baseline.points:
            return "the other row has no value"
        if not pairs:
            return "no run has the same seed as one of the other row"
        group, _, name = metric.partition("/")
        found = []
        for one, other in pairs:
            if group not in one.cases or group not in other.cases:
                return "no cases were kept"
            pair = self._pair(one.cases[group], other.cases[group], name)
            if isinstance(pair, str):
                return pair
            found.append(pair)
        observed, drawn, patients = zip(*found, strict=True)
        difference = difference_of_trainings(observed, drawn, patients=min(patients))
        return difference if difference.p == difference.p else "too few resamples define the figure"

    def largest_p(self, best: Cell, others: Sequence[Cell], metric: str) -> float | str:
        """The largest p value of ``best`` against each of ``others``, or why they cannot all be compared."""
        largest = 0.0
        for other in others:
            try:
                result = self.compare(best, other, metric)
            except UserError:
                return "the cases of a run cannot be read"
            if isinstance(result, str):
                return result
            if not result.is_tested:
                return f"fewer than {MIN_TRAININGS} common seeds do not show how much trainings vary"
            largest = max(largest, result.p)
        return largest

    def _pair(self, one: Path, other: Path, name: str) -> tuple[float, Tensor, int] | str:
        """The difference of a figure of two runs, the same in every resample, and the patients that limit it.

        It is over the cases for which both have a value. Or why there is none.
        """
        both = self._read(one), self._read(other)
        if not (self._evaluated(one).same_as(self._evaluated(other)) and same_cases(*both)):
            return "other cases were evaluated than for the other row"
        if not same_findings(*both):
            return "the two are means over other findings"
        common = with_common_values(*both)
        patients = PatientCounts(common[0]).of(name)
        if patients.is_few:
            return f"fewer than {MIN_PATIENTS} patients do not show how patients vary ({patients.text})"
        once_1N = torch.ones(1, len(common[0].keys), dtype=torch.float64)
        values = [resampled(cases, once_1N).get(name) for cases in common]
        if values[0] is None or values[1] is None:
            return "the figure is no mean over cases"
        own = all(cases is whole for cases, whole in zip(common, both, strict=True))
        draws = [
            (self._draw(path) if own else draw_figures(cases, resamples=self._resamples))[name]
            for cases, path in zip(common, (one, other), strict=True)
        ]
        return float(values[0] - values[1]), draws[0] - draws[1], patients.number

    def _evaluated(self, path: Path) -> EvaluatedData:
        if path not in self._data:
            self._data[path] = EvaluatedData.of(self._read(path))
        return self._data[path]

    def _read(self, path: Path) -> Cases:
        if path not in self._cases:
            self._cases[path] = load_cases(path)
        return self._cases[path]

    def _draw(self, path: Path) -> dict[str, Tensor]:
        if path not in self._drawn:
            self._drawn[path] = draw_figures(self._read(path), resamples=self._resamples)
        return self._drawn[path]
