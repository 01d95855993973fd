"""The table as Markdown, whose columns are aligned so that it reads on a terminal too, and as CSV."""

import csv
import io
import math
from collections.abc import Callable, Sequence

from src.evaluation.paired import Difference
from src.tasks.reporting.cells import Cell, Table
from src.tasks.reporting.metrics import shown
from src.tasks.reporting.notes import ABSENT, counts, difference_rows, notes
from src.tasks.reporting.significance import LEVEL

CSV_HEADER = (
    "row",
    "column",
    "metric",
    "mean",
    "sd",
    "n",
    "low",
    "high",
    "difference",
    "difference_low",
    "difference_high",
    "p",
    "common_seeds",
    "p_holm",
    "published",
    "source",
)


def markdown(table: Table) -> str:
    """The table, the differences from its baseline, and the notes in Markdown."""
    head = ["", *(label for _, label in headed_columns(table))]
    lines = body(table, lambda text: f"**{text}**", lambda text: text.replace("|", r"\|"), star="*")
    parts = [_piped([head, *lines])]
    if rows := difference_rows(table):
        assert table.baseline is not None
        columns = [f"difference from {table.baseline.label}", *(column.label for column in table.columns)]
        parts.append(_piped([columns, *([label, *texts] for label, texts in rows)]))
    return "\n\n".join([*parts, "\n".join(f"- {note}" for note in notes(table))])


def headed_columns(table: Table) -> list[tuple[int, str]]:
    """The printed columns behind the label: the number of each one's ``Column``, and its head."""
    published = published_beside(table)
    return [
        entry
        for c, column in enumerate(table.columns)
        for entry in ((c, column.label), *([(c, "published")] if published[c] else []))
    ]


def published_beside(table: Table) -> list[bool]:
    """Whether a column of published figures stands beside each column."""
    return [any(row.cells[c].published is not None for row in table.rows) for c in range(len(table.columns))]


def body(table: Table, bold: Callable[[str], str], escape: Callable[[str], str], *, star: str) -> list[list[str]]:
    """The cells of every row, its label first; ``star`` is put behind a difference from the baseline."""
    beside, mixed = published_beside(table), len(counts(table)) > 1
    lines = []
    for row in table.rows:
        line = [escape(row.label)]
        for cell, published in zip(row.cells, beside, strict=True):
            text = escape(_text(cell, mixed=mixed))
            line.append((bold(text) if cell.best else text) + (star if cell.p_corrected < LEVEL else ""))
            if published:
                line.append(escape(ABSENT if cell.published is None else shown(cell.published.value)))
        lines.append(line)
    return lines


def long_csv(table: Table) -> str:
    """A line a cell, with everything that is known of it; what is not is blank."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            if not cell.values and cell.published is None:
                continue
            difference = cell.difference or Difference(math.nan, math.nan, math.nan, math.nan, trainings=0)
            numbers = [cell.low, cell.high, *difference, cell.p_corrected]
            value = "" if column.value is None else column.value
            writer.writerow(
                [row.label, value, column.metric, _number(cell.mean), _number(cell.sd), len(cell.values)]
                + [_number(number) for number in numbers]
                + (["", ""] if cell.published is None else [cell.published.value, cell.published.source])
            )
    return text.getvalue()


def _piped(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells, the first the head, as a Markdown table of aligned columns."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    padded = [
        [line[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True))]
        for line in lines
    ]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in [padded[0], rule, *padded[1:]])


def _text(cell: Cell, *, mixed: bool) -> str:
    if not cell.values:
        return ABSENT
    text = shown(cell.mean)
    if len(cell.values) > 1:
        text += f" ± {shown(cell.sd)}"
    elif math.isfinite(cell.low):
        text += f" [{shown(cell.low)}, {shown(cell.high)}]"
    if mixed:
        text += f" ({len(cell.values)})"
    return text


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else ""
