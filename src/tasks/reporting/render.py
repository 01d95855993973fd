"""The table as text: Markdown, whose columns are aligned so that it reads on a terminal too, LaTeX and CSV."""

import csv
import io
import math
from collections.abc import Callable

from src.evaluation.paired import MIN_TRAININGS, Difference
from src.tasks.reporting.cells import Cell, Column, Row, Table, name_cells
from src.tasks.reporting.metrics import shown
from src.tasks.reporting.significance import LEVEL

_ABSENT = "–"
_LATEX = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "–": "--",
    "−": "$-$",
    "<": "$<$",
}
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
    """The table and its notes in Markdown."""
    lines = _grid(table, lambda text: f"**{text}**", lambda text: text.replace("|", r"\|"))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    padded = [
        [line[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True))]
        for line in lines
    ]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    rows = [f"| {' | '.join(line)} |" for line in [padded[0], rule, *padded[1:]]]
    return "\n".join([*rows, "", *(f"- {note}" for note in notes(table))])


def latex(table: Table) -> str:
    """The table in LaTeX, for the package booktabs, with its notes below."""
    lines = _grid(table, lambda text: f"\\textbf{{{text}}}", _escaped)
    rows = [" & ".join(line) + r" \\" for line in lines]
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            rf"\begin{{tabular}}{{l{'r' * (len(lines[0]) - 1)}}}",
            r"\toprule",
            rows[0],
            r"\midrule",
            *rows[1:],
            r"\bottomrule",
            r"\end{tabular}",
            *(rf"\par\footnotesize {_escaped(note)}" for note in notes(table)),
        ]
    )


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


def notes(table: Table) -> list[str]:
    """What a reader must know: what the spread is, who was compared with whom, and where published figures are from."""
    counts = _counts(table)
    said = []
    if counts != {1}:
        each = f"{counts.copy().pop()} runs" if len(counts) == 1 else "the number of runs in brackets"
        said.append(f"Mean ± sample standard deviation over {each}.")
    if any(math.isfinite(cell.low) for row in table.rows for cell in row.cells):
        said.append("A single run stands with its 95 % bootstrap interval over the evaluated cases.")
    said += _without_interval(table)
    sources = dict.fromkeys(c.published.source for row in table.rows for c in row.cells if c.published is not None)
    if sources:
        said.append(f"Published figures: {'; '.join(sources)}.")
    return [*said, *table.notes]


def _without_interval(table: Table) -> list[str]:
    """Why single runs stand without an interval, by the reason."""
    reasons: dict[str, list[tuple[Row, Column]]] = {}
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            if cell.reason:
                reasons.setdefault(cell.reason, []).append((row, column))
    return [f"No interval ({reason}): {name_cells(table, places)}." for reason, places in reasons.items()]


def difference_notes(table: Table, baseline: Row) -> list[str]:
    """What was tested and how, and each difference from the baseline with the number of common seeds."""
    compared = [
        (row, column, cell, cell.difference)
        for c, column in enumerate(table.columns)
        for row in table.rows
        if (cell := row.cells[c]).difference is not None
    ]
    each = [
        f"{row.label} against {baseline.label}, {column.label}: {_signed(difference.value)} "
        f"[{_signed(difference.low)}, {_signed(difference.high)}], {_how_sure(cell, difference)}."
        for row, column, cell, difference in compared
    ]
    if any(difference.is_tested for *_, difference in compared):
        each.insert(
            0,
            f"A star marks a difference from {baseline.label} (p < {LEVEL}), two-sided: over patients, by the paired "
            "bootstrap, and over trainings, each a unit; corrected by Holm over all cells of the table.",
        )
    return each


def _how_sure(cell: Cell, difference: Difference) -> str:
    if difference.is_tested:
        p = f"{_p(difference.p)}, corrected {_p(cell.p_corrected)}"
        return f"{p}, {difference.trainings} common seeds"
    seeds = f"{difference.trainings} common seed{'s' if difference.trainings > 1 else ''}"
    return f"{_p(difference.p)} over patients alone ({seeds}; {MIN_TRAININGS} show how trainings vary)"


def _grid(table: Table, bold: Callable[[str], str], escape: Callable[[str], str]) -> list[list[str]]:
    beside = [any(row.cells[c].published is not None for row in table.rows) for c in range(len(table.columns))]
    mixed = len(_counts(table)) > 1
    head = [""]
    for column, published in zip(table.columns, beside, strict=True):
        head += [escape(column.label), *(["published"] if published else [])]
    lines = [head]
    for row in table.rows:
        line = [escape(row.label)]
        for cell, published in zip(row.cells, beside, strict=True):
            text = escape(_text(cell, mixed=mixed))
            star = "*" if cell.p_corrected < LEVEL else ""
            line.append((bold(text) if cell.best else text) + star)
            if published:
                line.append(escape(_ABSENT if cell.published is None else shown(cell.published.value)))
        lines.append(line)
    return lines


def _text(cell: Cell, *, mixed: bool) -> str:
    if not cell.values:
        return _ABSENT
    text = shown(cell.mean)
    if len(cell.values) > 1:
        text += f" ± {shown(cell.sd)}"
    elif math.isfinite(cell.low):
        text += f" [{shown(cell.low)}, {shown(cell.high)}]"
    if mixed:
        text += f" ({len(cell.values)})"
    return text


def _counts(table: Table) -> set[int]:
    return {len(cell.values) for row in table.rows for cell in row.cells if cell.values}


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text)


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{shown(abs(value))}"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else ""
