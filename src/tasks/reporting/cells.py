"""What stands in the table: means over the repeats, the best of each column, and differences from a baseline."""

import difflib
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.core.errors import UserError
from src.evaluation.class_marks import UNDECIDED, UNTAUGHT
from src.evaluation.estimate import Estimate, value_of
from src.evaluation.paired import Difference
from src.tasks.reporting.axes import Axes, Point, row_label, value_label
from src.tasks.reporting.metrics import metric_label
from src.tasks.reporting.published import Published, not_reproduced
from src.tasks.reporting.published_figures import Figure

_MOST_NOTES = 8
_SIGNS = (UNTAUGHT, UNDECIDED)


@dataclass(frozen=True, kw_only=True)
class Column:
    """A figure, at one value of the key that makes columns where one does."""

    metric: str
    value: Any
    label: str


@dataclass(kw_only=True)
class Cell:
    """``points`` of one row and column, with a finite figure each. ``sd``: sample standard deviation, NaN for one.

    ``low`` and ``high``: the bootstrap interval of a single figure, NaN for several; ``reason``: why it has none.
    """

    points: tuple[Point, ...]
    values: tuple[float, ...]
    low: float
    high: float
    reason: str = ""
    best: bool = False
    published: Figure | None = None
    difference: Difference | None = None
    p_corrected: float = math.nan

    @property
    def mean(self) -> float:
        """The mean over the repeats; NaN where there is none."""
        return statistics.fmean(self.values) if self.values else math.nan

    @property
    def sd(self) -> float:
        """The sample standard deviation over the repeats."""
        return statistics.stdev(self.values) if len(self.values) > 1 else math.nan


@dataclass(kw_only=True)
class Row:
    """One line of the table. ``settings`` are empty where the line holds published figures only."""

    label: str
    settings: Mapping[str, Any]
    cells: list[Cell]


@dataclass(kw_only=True)
class Table:
    """The rows and columns, and what is to be said below them."""

    axes: Axes
    columns: list[Column]
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    baseline: Row | None = None
    """The row that the others were compared with."""


def make_table(axes: Axes, metrics: Sequence[str], published: Published | None, *, published_rows: bool) -> Table:
    """Sort the points into cells, and put the published figures beside them."""
    columns = _columns(axes, metrics)
    labels = dict.fromkeys(row_label(axes, point) for point in _in_order(axes))
    rows, copies = [], 0
    for label in labels:
        every = [point for point in axes.points if row_label(axes, point) == label]
        own = _distinct(every, axes.columns)
        copies += len(every) - len(own)
        cells = [_cell(axes, own, column, published) for column in columns]
        rows.append(Row(label=label, settings={key: own[0].settings[key] for key in axes.rows}, cells=cells))
    table = Table(axes=axes, columns=columns, rows=rows)
    if copies:
        table.notes.append(f"{copies} runs found exactly what another one of their row did, and are not counted twice.")
    if published is not None:
        table.notes += _published_notes(table, published)
        rows += _published_rows(table, published) if published_rows else []
    return table


def _distinct(points: Sequence[Point], columns: str | None) -> list[Point]:
    """The same predictions twice are one result: the seed in which the two differ changed nothing."""
    first: dict[str, list[Point]] = {}
    for point in points:
        place = point.settings[columns] if columns else None
        alike = first.setdefault(repr((place, sorted(point.figures.items()))), [])
        if not any(_same_files(point, other) for other in alike):
            alike.append(point)
    return [point for point in points if any(point is one for alike in first.values() for one in alike)]


def _same_files(one: Point, other: Point) -> bool:
    if one.job is other.job or not one.cases or one.cases.keys() != other.cases.keys():
        return False
    return all(_bytes(path) == _bytes(other.cases[group]) for group, path in one.cases.items())


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def record_notes(table: Table) -> list[str]:
    """What the runs say of their own figures, such as findings that nothing taught, each with the rows that say it.

    Notes with a sign that differ only in the findings that they name are one note.
    """
    labels = dict.fromkeys(row_label(table.axes, point) for point in table.axes.points)
    rows: dict[tuple[str, str], dict[str, None]] = {}
    for point in table.axes.points:
        for note in point.notes:
            sign, named, text = _split_note(note)
            rows.setdefault((f"{sign}{text}", named), {})[row_label(table.axes, point)] = None
    merged: dict[str, list[str]] = {}
    for (text, named), of in rows.items():
        who = "" if len(of) == len(labels) > 1 else ", ".join(of)
        merged.setdefault(text, []).append(": ".join(part for part in (who, named) if part))
    said = [_joined(text, who) for text, who in merged.items()]
    more = len(said) - _MOST_NOTES
    return [*said[:_MOST_NOTES], *([f"{more} more such notes stand in the runs' results.md."] if more > 0 else [])]


def _split_note(note: str) -> tuple[str, str, str]:
    """The sign, the findings that are named, and the rest of a note such as ``† edema: nothing could be learnt``."""
    if note[:1] in _SIGNS and ": " in note:
        named, _, text = note[1:].strip().partition(": ")
        return note[0], named, text
    return "", "", note


def _joined(text: str, who: Sequence[str]) -> str:
    sign, text = (f"{text[0]} ", text[1:]) if text[:1] in _SIGNS else ("", text)
    return f"{sign}{'; '.join(who)}: {text}" if any(who) else f"{sign}{text}"


def name_cells(table: Table, places: Sequence[tuple[Row, Column]]) -> str:
    """Cells in words: a column by its label where all of its cells are meant, else each by its row and column."""
    words = []
    for column in table.columns:
        rows = [row.label for row, of in places if of is column]
        filled = [row for row in table.rows if row.cells[table.columns.index(column)].values]
        if rows:
            words.append(column.label if len(rows) == len(filled) else f"{', '.join(rows)} ({column.label})")
    return "; ".join(words)


def find_row(table: Table, baseline: str) -> Row:
    """The row called ``baseline``, by its label or, as ``key=value``, by a setting. Raises UserError where none is."""
    wanted = _bare(baseline)
    ours = [row for row in table.rows if row.settings or len(table.rows) == 1]
    for row in ours:
        named = {f"{key}={_bare(str(value))}" for key, value in row.settings.items()}
        if wanted in {_bare(row.label), *map(_bare, named)}:
            return row
    labels = [row.label for row in ours]
    near = difflib.get_close_matches(baseline, labels, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the rows are {'; '.join(labels)}"
    raise UserError(f"task.baseline={baseline} is no row of the table; {hint}")


def _bare(text: str) -> str:
    return "".join(text.lower().split()).replace("'", "").replace('"', "")


def _in_order(axes: Axes) -> Sequence[Point]:
    """As the jobs came; a single key of numbers by its size."""
    values = [point.settings[axes.rows[0]] for point in axes.points] if len(axes.rows) == 1 else [None]
    if all(isinstance(value, int | float) for value in values):
        return sorted(axes.points, key=lambda point: point.settings[axes.rows[0]])
    return axes.points


def _columns(axes: Axes, metrics: Sequence[str]) -> list[Column]:
    key = axes.columns
    if key is None:
        return [Column(metric=metric, value=None, label=metric_label(metric)) for metric in metrics]
    values = list({repr(point.settings[key]): point.settings[key] for point in axes.points}.values())
    if all(isinstance(value, int | float) for value in values):
        values = sorted(values)
    return [
        Column(metric=metric, value=value, label=f"{metric_label(metric)}, {value_label(key, value)}")
        for metric in metrics
        for value in values
    ]


def _cell(axes: Axes, own: Sequence[Point], column: Column, published: Published | None) -> Cell:
    here = [point for point in own if axes.columns is None or point.settings[axes.columns] == column.value]
    figures = [(point, point.figures.get(column.metric, math.nan)) for point in here]
    found = [(point, figure) for point, figure in figures if math.isfinite(value_of(figure))]
    single = found[0][1] if len(found) == 1 else None
    low, high = (single.low, single.high) if isinstance(single, Estimate) else (math.nan, math.nan)
    beside = {published.beside(point, column.metric) for point, _ in found} if published else set()
    return Cell(
        points=tuple(point for point, _ in found),
        values=tuple(float(value_of(figure)) for _, figure in found),
        low=low,
        high=high,
        reason=single.reason if isinstance(single, Estimate) else "",
        published=beside.pop() if len(beside) == 1 else None,
    )


def _published_notes(table: Table, published: Published) -> list[str]:
    """What the published figures in the table are of that ours are not, and why others have none."""
    cells = [(row, column, cell) for row in table.rows for column, cell in zip(table.columns, row.cells, strict=True)]
    notes = []
    points = [point for _, _, cell in cells if cell.published is not None for point in cell.points]
    if missing := not_reproduced(points):
        notes.append(f"Of the published protocol, ours does not reproduce: {'; '.join(missing)}.")
    reasons: dict[str, dict[str, None]] = {}
    for row, column, cell in cells:
        why = {published.why_not(point, column.metric) for point in cell.points} - {None}
        if cell.published is None and why:
            reasons.setdefault(min(map(str, why)), {})[row.label] = None
    each = [f"No published figure beside {', '.join(rows)}: {reason}." for reason, rows in reasons.items()]
    return [*notes, *([" ".join(each)] if each else [])]


def _published_rows(table: Table, published: Published) -> list[Row]:
    """Methods that papers have figures for by the protocol of our cells, and that stand beside none of them."""
    shown = {cell.published.method for row in table.rows for cell in row.cells if cell.published is not None}
    rows = []
    for method in dict.fromkeys(figure.method for figure in published.figures):
        figures = [figure for figure in published.figures if figure.method == method]
        cells = [_only_published(table, column, figures, published) for column in table.columns]
        if method not in shown and any(cell.published is not None for cell in cells):
            rows.append(Row(label=f"{method} (published)", settings={}, cells=cells))
    return rows


def _only_published(table: Table, column: Column, figures: Sequence[Figure], published: Published) -> Cell:
    here = [point for point in table.axes.points if _is_in(table.axes, point, column)]
    of_metric = [figure for figure in figures if figure.metric == column.metric]
    found = [figure for figure in of_metric if here and all(published.follows(point, figure) for point in here)]
    return Cell(points=(), values=(), low=math.nan, high=math.nan, published=found[0] if found else None)


def _is_in(axes: Axes, point: Point, column: Column) -> bool:
    return axes.columns is None or point.settings[axes.columns] == column.value
