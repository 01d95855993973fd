"""One table of results: a metric a row, a model a column, as plain text, Markdown and JSON."""

import json
import math
import re
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from src.core.files import write_text

Columns = Mapping[str, Mapping[str, float]]
_ABSENT = "–"
_UNITS = {"auroc": "AUROC"}


def text_table(columns: Columns) -> str:
    """The results for a terminal: groups under a heading, figures aligned at the right.

    ``columns`` maps a column's title to its figures by name (``group/metric``). Rows keep the order in which names
    first appear; a figure that a column lacks, or that is not finite, is a dash.
    """
    names = _names(columns)
    label_width = max(len(_label(name)) for name in names) + 2
    widths = [max(len(title), *(len(_cell(figures.get(name))) for name in names)) for title, figures in columns.items()]

    def line(label: str, cells: list[str]) -> str:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        return "  ".join([label.ljust(label_width), *padded]).rstrip()

    rule = "-" * (label_width + sum(width + 2 for width in widths))
    lines = [line("", list(columns)), rule]
    for group, members in groupby(names, _group):
        lines.append(_spoken(group))
        lines += [line("  " + _label(name), _cells(columns, name)) for name in members]
    return "\n".join([*lines, rule])


def markdown_table(columns: Columns) -> str:
    """The results as one Markdown table; the group stands before each metric."""
    lines = ["| metric | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for name in _names(columns):
        label = f"{_spoken(_group(name))}: {_label(name)}".replace("|", r"\|")
        lines.append(f"| {label} | " + " | ".join(_cells(columns, name)) + " |")
    return "\n".join(lines)


def save_results(columns: Columns, folder: Path) -> tuple[Path, Path]:
    """Write ``results.md`` and ``results.json`` (full figures by their names; null where not finite)."""
    markdown, data = folder / "results.md", folder / "results.json"
    whole = {
        title: {name: value if math.isfinite(value) else None for name, value in figures.items()}
        for title, figures in columns.items()
    }
    write_text(data, json.dumps(whole, indent=2, allow_nan=False) + "\n")
    write_text(markdown, markdown_table(columns) + "\n")
    return markdown, data


def chance_column(measured: Mapping[str, float]) -> dict[str, float]:
    """What guessing gives for each figure whose chance is known: AUROC 0.5, and what ``chance_...`` rows say."""
    chance = {}
    for name in measured:
        group, _, metric = name.partition("/")
        counterpart = f"{group}/chance_{re.sub('^(image_to_text|text_to_image)_', '', metric)}"
        if counterpart in measured:
            chance[name] = measured[counterpart]
        elif metric.startswith("auroc"):
            chance[name] = 0.5
    return chance


def without_chance(measured: Mapping[str, float]) -> dict[str, float]:
    """The figures without the ``chance_...`` rows, for a table that has a column of them."""
    return {name: value for name, value in measured.items() if not name.partition("/")[2].startswith("chance_")}


def _names(columns: Columns) -> list[str]:
    """Every name once, groups together, each in the order of its first appearance."""
    names = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    groups = list(dict.fromkeys(map(_group, names)))
    return sorted(names, key=lambda name: groups.index(_group(name)))


def _group(name: str) -> str:
    return name.partition("/")[0]


def _label(name: str) -> str:
    return _spoken(name.partition("/")[2] or name)


def _spoken(name: str) -> str:
    words = name.replace("/", " ").replace("_", " ").replace("recall at", ", recall at").replace(" ,", ",").split()
    return " ".join(_UNITS.get(word, word) for word in words)


def _cells(columns: Columns, name: str) -> list[str]:
    return [_cell(figures.get(name)) for figures in columns.values()]


def _cell(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return _ABSENT
    return str(value) if isinstance(value, int) else f"{value:.3f}"
