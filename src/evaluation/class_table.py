"""The tables of classification: a class a row, or a share of the training images a column."""

import statistics
from collections.abc import Mapping, Sequence

from src.evaluation.class_marks import ClassMarks
from src.evaluation.estimate import Figures, value_of
from src.evaluation.metric_name import MetricName
from src.evaluation.notes import interval_notes
from src.evaluation.records import Record
from src.evaluation.table import cell, spoken

FRACTION = "datamodule.fraction"
# Of which a reader wants to see the interval; the others' are in records.json.
_WITH_INTERVAL = ("auroc", "accuracy")


def class_table(figures: Figures, names: Sequence[str], marks: ClassMarks | None = None) -> str:
    """Every metric of every class, and its mean: classes are rows, metrics columns; below, what is marked, and why.

    A class that could not be judged is a row of dashes; the first row says over how many classes the means are.
    """
    parsed = [MetricName.parse(name) for name in figures]
    metrics = [name.metric for name in parsed if name.is_mean]
    group = parsed[0].group
    rows = [["", *map(spoken, metrics)], _mean_row(figures, group, metrics)]
    marks = marks or ClassMarks((), ())
    rows += [
        [spoken(name) + marks.label(name), *(_cell(figures, group, metric, f"/{name}") for metric in metrics)]
        for name in names
    ]
    if f"{group}/accuracy" in figures:
        rows.append(["all cases", *(_cell(figures, group, m, "") if m == "accuracy" else "" for m in metrics)])
    return "\n".join([aligned(rows), *marks.notes(), *interval_notes(figures)])


def fraction_table(records: Sequence[Record]) -> str:
    """The mean and the sample standard deviation over seeds of each metric's mean, one column per fraction."""
    counts = {fraction: len(of) for fraction, of in by_fraction(records).items()}
    rows = [
        [
            "mean ± sd over seeds",
            *(f"{percent(fraction)} ({n} seed{'s' if n > 1 else ''})" for fraction, n in counts.items()),
        ]
    ]
    for name, values in values_by_fraction(records).items():
        rows.append([spoken(MetricName.parse(name).without_group), *map(_spread, values.values())])
    return aligned(rows)


def by_fraction(records: Sequence[Record]) -> dict[float, list[Record]]:
    """Sort the records by the fraction of the training images that each was fitted on."""
    sorted_records: dict[float, list[Record]] = {}
    for record in records:
        sorted_records.setdefault(record.settings[FRACTION], []).append(record)
    return sorted_records


def values_by_fraction(records: Sequence[Record]) -> dict[str, dict[float, list[float]]]:
    """Return the values over the seeds, by fraction, of each metric's mean and of the accuracy of all cases."""
    names = [name for name in map(MetricName.parse, records[0].figures) if name.is_mean or _is_accuracy_of_all(name)]
    return {
        str(name): {
            fraction: [value_of(record.figures[str(name)]) for record in of if str(name) in record.figures]
            for fraction, of in by_fraction(records).items()
        }
        for name in names
    }


def percent(fraction: float) -> str:
    """A share as the papers write it."""
    return f"{100 * fraction:g} %"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Cells as columns of text: the first to the left, the others to the right, a rule below the first row."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(text.rjust(w) for text, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0].rstrip(), rule, *(line.rstrip() for line in lines[1:]), rule])


def _is_accuracy_of_all(name: MetricName) -> bool:
    return name.metric == "accuracy" and name.finding is None


def _mean_row(figures: Figures, group: str, metrics: Sequence[str]) -> list[str]:
    return [f"mean of {figures[f'{group}/findings']}", *(_cell(figures, group, metric, "_mean") for metric in metrics)]


def _cell(figures: Mapping, group: str, metric: str, suffix: str) -> str:
    figure = figures.get(f"{group}/{metric}{suffix}")
    return cell(figure if figure is None or metric in _WITH_INTERVAL else value_of(figure))


def _spread(values: Sequence[float]) -> str:
    if len(values) < 2:
        return cell(values[0] if values else None)
    return f"{cell(statistics.mean(values))} ± {cell(statistics.stdev(values))}"
