"""Refuses a mean over runs that were evaluated on other images or labels, and names the rows that were."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from src.core.errors import UserError
from src.core.finished import DONE
from src.evaluation.cases import load_cases
from src.evaluation.evaluated_data import EvaluatedData
from src.evaluation.metric_name import MetricName
from src.tasks.reporting.axes import Point
from src.tasks.reporting.cells import Cell, Column, Table
from src.tasks.reporting.metrics import metric_label


def check_data(table: Table) -> None:
    """Compare the data behind every cell; notes name the rows of one column that are of other data.

    Raises UserError where the runs of one cell were evaluated on other images or with other labels.
    """
    data = _Data()
    unknown: dict[str, None] = {}
    for c, column in enumerate(table.columns):
        for row in table.rows:
            cell = row.cells[c]
            group = MetricName.parse(column.metric).group
            _refuse_mixture(cell, group, f"{row.label}, {column.label}", data)
            unknown |= {point.place: None for point in cell.points if not data.of(point, group)}
    table.notes += _other_data(table, data)
    if unknown and sum(len(cell.points) for row in table.rows for cell in row.cells) > 1:
        table.notes.append(
            f"Not checked to be of the same images and labels, as no cases were kept: {', '.join(unknown)}."
        )


class _Data:
    """Reads the cases of each run once, and keeps the data without the predictions."""

    def __init__(self) -> None:
        self._read: dict[Path, EvaluatedData] = {}

    def of(self, point: Point, group: str) -> tuple[EvaluatedData, ...]:
        """The data of a group of figures; of all groups where it has no cases of its own; none where none are kept."""
        paths = [point.cases[group]] if group in point.cases else list(point.cases.values())
        for path in paths:
            if path not in self._read and path.is_file():
                self._read[path] = EvaluatedData.of(load_cases(path))
        return tuple(self._read[path] for path in paths if path in self._read)

    def pairs(self, one: Point, other: Point, group: str) -> Iterator[tuple[EvaluatedData, EvaluatedData]]:
        """The data of both points that differ."""
        both = zip(self.of(one, group), self.of(other, group), strict=False)
        return ((ours, theirs) for ours, theirs in both if not ours.same_as(theirs))


def _refuse_mixture(cell: Cell, group: str, where: str, data: _Data) -> None:
    known = [point for point in cell.points if data.of(point, group)]
    for other in known[1:]:
        for ours, theirs in data.pairs(known[0], other, group):
            odd = [point for point in known[1:] if any(data.pairs(known[0], point, group))]
            alike = [point for point in known if all(point is not one for one in odd)]
            older = min(alike, odd, key=lambda side: max(_finished(point) for point in side))
            raise UserError(
                f"{known[0].place} and {other.place} stand in one cell ({where}) but were not evaluated on the same "
                f"data: {describe_difference(ours, theirs)}. Delete what was run before the data changed (the older is "
                f"{', '.join(dict.fromkeys(point.place for point in older))}) and give its command again, or report "
                "the folders apart."
            )


def describe_difference(one: EvaluatedData, other: EvaluatedData) -> str:
    """How many images and labels differ, in words."""
    found = one.difference(other)
    said = []
    if found.only_first or found.only_second:
        said.append(f"{found.only_first} images are only in the first and {found.only_second} only in the second")
    if found.relabelled:
        said.append(f"{found.relabelled} of the {found.common} images in both have other labels")
    if found.other_truth:
        said.append(f"the masks, boxes, phrases or reports of the {found.common} images in both differ")
    if found.other_patients:
        said.append("the images belong to other patients")
    return ", and ".join(said) or "images occur another number of times"


def _finished(point: Point) -> float:
    path = point.job.folder / DONE
    return path.stat().st_mtime if path.is_file() else 0.0


def _other_data(table: Table, data: _Data) -> list[str]:
    """Name the cells of a figure that stand side by side and are of different data."""
    by_metric: dict[str, list[tuple[str, Cell]]] = {}
    for c, column in enumerate(table.columns):
        cells = [row.cells[c] for row in table.rows]
        by_metric.setdefault(column.metric, []).extend(
            (_label(table, row.label, column), cell) for row, cell in zip(table.rows, cells, strict=True)
        )
    notes = []
    for metric, labelled in by_metric.items():
        label = {id(cell): text for text, cell in labelled}
        kinds = _sorted_by_data([cell for _, cell in labelled], metric, data)
        if len(kinds) > 1:
            sides = " | ".join(", ".join(label[id(cell)] for cell in kind) for kind in kinds)
            notes.append(
                f"{metric_label(metric)}: not all were evaluated on the same images with the same labels. Those on "
                f"two sides of a bar cannot be compared: {sides}."
            )
    return notes


def _label(table: Table, row: str, column: Column) -> str:
    return row if table.axes.columns is None else f"{row} ({table.axes.columns}={column.value})"


def _sorted_by_data(cells: Sequence[Cell], metric: str, data: _Data) -> list[list[Cell]]:
    """The cells in groups of the same data; those that cannot be checked in none."""
    group = MetricName.parse(metric).group
    kinds: list[tuple[Point, list[Cell]]] = []
    for cell in cells:
        known = [point for point in cell.points if data.of(point, group)]
        if not known:
            continue
        for reference, alike in kinds:
            if not any(data.pairs(reference, known[0], group)):
                alike.append(cell)
                break
        else:
            kinds.append((known[0], [cell]))
    return [alike for _, alike in kinds]
