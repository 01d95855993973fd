"""One table of results: a metric a row, a model a column, as plain text, in Markdown and as JSON."""

import json
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from src.core.files import write_text
from src.evaluation.estimate import Estimate, Figure, Figures, value_of
from src.evaluation.metric_name import MetricName
from src.evaluation.notes import interval_notes

Columns = Mapping[str, Figures]
REFERENCES = ("chance", "prior", "ceiling")
_ABSENT = "–"
_DETAIL = {"average_precision", "f1", "sensitivity", "specificity", "brier", "calibration_error"}
_UNITS = {
    "auroc": "AUROC",
    "f1": "F1",
    "map": "mAP",
    "mar": "mAR",
    "iou": "IoU",
    "miou": "mIoU",
    "cnr": "CNR",
    "hd95": "HD95",
}


def text_table(columns: Columns) -> str:
    """The results for a terminal: groups under a heading, figures aligned at the right, intervals in brackets.

    ``columns`` maps a column's title, which is wrapped, to its figures by name (``group/metric``). Rows keep the order
    in which names first appear; a figure that a column lacks, or that is not finite, is a dash.
    """
    names = _names(columns)
    label_width = max(len(_label(name)) for name in names) + 2
    widths = [
        max(*(len(word) for word in title.split()), *(len(cell(figures.get(name))) for name in names))
        for title, figures in columns.items()
    ]

    def line(label: str, cells: list[str]) -> str:
        padded = [text.rjust(width) for text, width in zip(cells, widths, strict=True)]
        return "  ".join([label.ljust(label_width), *padded]).rstrip()

    rule = "-" * (label_width + sum(width + 2 for width in widths))
    lines = [*_header(columns, widths, line), rule]
    for group, members in groupby(names, _group):
        lines.append(spoken(group))
        lines += [line("  " + _label(name), _cells(columns, name)) for name in members]
    return "\n".join([*lines, rule, *interval_notes(*columns.values())])


def save_results(columns: Columns, folder: Path, *, heading: str, table: str) -> tuple[Path, Path]:
    """Write ``results.md`` and ``results.json``: figures by their names, null where not finite, without intervals.

    ``heading``: the lines above the table. ``table``: the text that is printed, notes included; ``results.md`` holds it
    unchanged in a code block, so that file and terminal never differ.
    """
    markdown, data = folder / "results.md", folder / "results.json"
    values = {title: {name: value_of(figure) for name, figure in figures.items()} for title, figures in columns.items()}
    whole = {
        title: {name: value if math.isfinite(value) else None for name, value in figures.items()}
        for title, figures in values.items()
    }
    write_text(data, json.dumps(whole, indent=2, allow_nan=False) + "\n")
    write_text(markdown, "\n\n".join([*heading.splitlines(), f"```text\n{table}\n```"]) + "\n")
    return markdown, data


def reference_columns(measured: Figures) -> dict[str, dict[str, float]]:
    """What each figure is held against, by the title of its column; columns without any figure are left out.

    ``chance``: guessing, for an AUROC 0.5. ``prior``: what is known without looking. ``ceiling``: what none can pass.
    Each is what the row ``group/TITLE_metric`` says, if there is one.
    """
    columns: dict[str, dict[str, float]] = {title: {} for title in REFERENCES}
    for name in without_references(measured):
        parsed = MetricName.parse(name)
        metric = parsed.metric.removeprefix("image_to_text_").removeprefix("text_to_image_")
        for title, column in columns.items():
            counterpart = str(parsed._replace(metric=f"{title}_{metric}"))
            if counterpart in measured:
                column[name] = value_of(measured[counterpart])
        if parsed.metric == "auroc":
            columns["chance"].setdefault(name, 0.5)
    return {title: column for title, column in columns.items() if column}


def without_references(measured: Figures) -> dict[str, Figure]:
    """The figures without the rows that ``reference_columns`` takes, for a table that has these columns."""
    return {name: value for name, value in measured.items() if not is_reference(MetricName.parse(name))}


def is_reference(name: MetricName) -> bool:
    """Whether a figure is of no model, but what models are held against."""
    return name.metric.startswith(tuple(f"{title}_" for title in REFERENCES))


def main_figures(measured: Figures) -> dict[str, Figure]:
    """The figures that papers print, of the many that ``records.json`` has."""
    return {name: figure for name, figure in measured.items() if not _is_detail(MetricName.parse(name))}


def _is_detail(name: MetricName) -> bool:
    metric = name.metric.removesuffix("_mean")
    return metric in _DETAIL or metric.endswith("_mean_rank") or "_precision_at_" in metric


def _header(columns: Columns, widths: Sequence[int], line: Callable[[str, list[str]], str]) -> list[str]:
    """The titles of the columns, each wrapped to the width of its column, the last lines beside one another."""
    wrapped = [textwrap.wrap(title, width) for title, width in zip(columns, widths, strict=True)]
    height = max(map(len, wrapped))
    padded = [[""] * (height - len(lines)) + lines for lines in wrapped]
    return [line("", list(row)) for row in zip(*padded, strict=True)]


def _names(columns: Columns) -> list[str]:
    """Every name once, groups together, each in the order of its first appearance."""
    names = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    groups = list(dict.fromkeys(map(_group, names)))
    return sorted(names, key=lambda name: groups.index(_group(name)))


def _group(name: str) -> str:
    return MetricName.parse(name).group


def _label(name: str) -> str:
    parsed = MetricName.parse(name)
    if parsed.finding is not None:
        return f"{spoken(parsed.metric)} of {parsed.finding.replace('_', ' ')}"
    return spoken(parsed.without_group or name)


def spoken(name: str) -> str:
    """A figure's name in words."""
    words = name.replace("/", " ").replace("_", " ").replace("recall at", ", recall at").replace(" ,", ",").split()
    return " ".join(_UNITS.get(word, word) for word in words)


def _cells(columns: Columns, name: str) -> list[str]:
    return [cell(figures.get(name)) for figures in columns.values()]


def cell(figure: Figure | None) -> str:
    """A figure as tables show it, with its interval where it has one; a dash where there is none."""
    if isinstance(figure, Estimate):
        interval = f" ({figure.low:.3f} to {figure.high:.3f})" if math.isfinite(figure.low) else ""
        return cell(figure.value) + interval
    if figure is None or not math.isfinite(figure):
        return _ABSENT
    return str(figure) if isinstance(figure, int) else f"{figure:.3f}"
