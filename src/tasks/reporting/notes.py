"""What stands below a report's table, and the differences from its baseline as a table of their own."""

import math

from src.evaluation.paired import MIN_TRAININGS, Difference
from src.tasks.reporting.cells import Cell, Column, Row, Table, name_cells
from src.tasks.reporting.metrics import shown
from src.tasks.reporting.significance import LEVEL

ABSENT = "–"


def notes(table: Table) -> list[str]:
    """What a reader must know: what the spread is, who was compared with whom, and where published figures are from."""
    return [*spread_notes(table), *_difference_notes(table), *table.notes]


def spread_notes(table: Table) -> list[str]:
    """Say what the cells hold, which of them have no interval, and where published figures are from."""
    said = []
    count = counts(table)
    if count != {1}:
        each = f"{min(count)} runs" if len(count) == 1 else "the number of runs in brackets"
        said.append(f"Mean ± sample standard deviation over {each}.")
    if any(math.isfinite(cell.low) for row in table.rows for cell in row.cells):
        said.append("A single run stands with its 95 % bootstrap interval over the evaluated cases.")
    said += _without_interval(table)
    sources = dict.fromkeys(c.published.source for row in table.rows for c in row.cells if c.published is not None)
    if sources:
        said.append(f"Published figures: {'; '.join(sources)}.")
    return said


def counts(table: Table) -> set[int]:
    """How many runs the cells are means over."""
    return {len(cell.values) for row in table.rows for cell in row.cells if cell.values}


def difference_rows(table: Table) -> list[tuple[str, list[str]]]:
    """The rows of the table of differences, each with a text per column; none where nothing was compared."""
    compared = [row for row in table.rows if any(cell.difference is not None for cell in row.cells)]
    same = len(_seeds(table)) == 1
    return [(row.label, [_difference(cell, count=not same) for cell in row.cells]) for row in compared]


def difference_lines(table: Table) -> list[tuple[str, list[list[str]]]]:
    """The same by column: its label, then per row the label, the difference, its interval, p, and the common seeds."""
    groups = []
    for c, column in enumerate(table.columns):
        compared = [(row.label, row.cells[c], row.cells[c].difference) for row in table.rows]
        lines = [
            [label, _signed(found.value), _interval(found), _sure(cell, found), str(found.trainings)]
            for label, cell, found in compared
            if found is not None
        ]
        if lines:
            groups.append((column.label, lines))
    return groups


def _without_interval(table: Table) -> list[str]:
    """Why single runs stand without an interval, by the reason."""
    reasons: dict[str, list[tuple[Row, Column]]] = {}
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            if cell.reason:
                reasons.setdefault(cell.reason, []).append((row, column))
    return [f"No interval ({reason}): {name_cells(table, places)}." for reason, places in reasons.items()]


def _difference_notes(table: Table) -> list[str]:
    """What was tested and how, and how many seeds each difference rests on."""
    compared = _compared(table)
    if not compared or table.baseline is None:
        return []
    said = []
    if any(difference.is_tested for difference in compared):
        said.append(
            f"A star marks a difference from {table.baseline.label} (p < {LEVEL}), two-sided: over patients, by the "
            "paired bootstrap, and over trainings, each a unit; corrected by Holm over all cells of the table."
        )
    seeds = _seeds(table)
    if len(seeds) == 1:
        said.append(f"Each difference is over {_common(min(seeds))}, with its 95 % interval.")
    else:
        said.append("Each difference is over the common seeds in brackets, with its 95 % interval.")
    if not all(difference.is_tested for difference in compared):
        said.append(
            f"Fewer than {MIN_TRAININGS} common seeds do not show how trainings vary; p is then over patients alone."
        )
    return said


def _difference(cell: Cell, *, count: bool) -> str:
    if (difference := cell.difference) is None:
        return ABSENT
    text = f"{_signed(difference.value)} {_interval(difference)}, {_sure(cell, difference)}"
    return text + (f" ({difference.trainings})" if count else "")


def _interval(difference: Difference) -> str:
    return f"[{_signed(difference.low)}, {_signed(difference.high)}]"


def _sure(cell: Cell, difference: Difference) -> str:
    return f"corrected {_p(cell.p_corrected)}" if difference.is_tested else f"{_p(difference.p)} over patients alone"


def _compared(table: Table) -> list[Difference]:
    return [cell.difference for row in table.rows for cell in row.cells if cell.difference is not None]


def _seeds(table: Table) -> set[int]:
    return {difference.trainings for difference in _compared(table)}


def _common(seeds: int) -> str:
    return f"{seeds} common seed{'s' if seeds > 1 else ''}"


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{shown(abs(value))}"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
