"""What a data set holds, counted: tables for people.

Axes: N images, F findings.
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np

from src.core.rules import Rules
from src.data.health.columns import Columns, Marks
from src.data.health.splits import empty_reports
from src.data.report import caption_of_report
from src.data.sources import SPLITS

Cell = str | int | float


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A table with a title; the first column names the rows."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def gather_facts(columns: Columns, *, reports: bool) -> list[Facts]:
    """Every table that the data set has something to fill with. ``reports``: whether its owner wrote any."""
    facts = [_splits(columns), _views(columns), _labels(columns)]
    if reports:
        facts.append(_reports(columns))
    facts += [_marks(columns, what, marks) for what, marks in (("Boxes", columns.boxes), ("Masks", columns.masks))]
    facts.append(_sizes(columns))
    return [table for table in facts if table.rows]


def _splits(columns: Columns) -> Facts:
    chosen = [*((split, columns.within(split)) for split in SPLITS), ("in no split", columns.side_N == 0)]
    rows = [_row(columns, name, in_N) for name, in_N in chosen if name in SPLITS or in_N.any()]
    rows.append(_row(columns, "all", np.ones(len(columns), dtype=bool)))
    return Facts(title="Splits", header=("split", "images", "usable", "patients"), rows=tuple(rows))


def _row(columns: Columns, name: str, in_N: np.ndarray) -> tuple[Cell, ...]:
    patients = len(np.unique(columns.patient_N[in_N]))
    return name, int(in_N.sum()), int((in_N & columns.read_N).sum()), patients


def _views(columns: Columns) -> Facts:
    view_N, count = np.unique(columns.view_N.astype(str), return_counts=True)
    rows = [
        (view or "(blank)", int(n)) for view, n in sorted(zip(view_N, count, strict=True), key=lambda pair: -pair[1])
    ]
    named = len(rows) > 1 or (rows and rows[0][0] != "(blank)")
    return Facts(title="Views", header=("view", "images"), rows=tuple(rows) if named else ())


def _labels(columns: Columns) -> Facts:
    label_NF = columns.label_NF
    counts = [(label_NF == 1), (label_NF == 0), (label_NF == -1), np.isnan(label_NF)]
    number_4F = [count.sum(axis=0) for count in counts]
    rows: list[tuple[Cell, ...]] = [
        (name, *(int(count[f]) for count in number_4F)) for f, name in enumerate(columns.finding_names)
    ]
    header = ("finding", "present", "absent", "uncertain", "blank")
    return Facts(title="Labels, as the owner wrote them", header=header, rows=tuple(rows))


def _reports(columns: Columns) -> Facts:
    import pyarrow.compute as pc

    empty = int(empty_reports(columns).sum())
    rows: list[tuple[Cell, ...]] = [("with a report", len(columns) - empty), ("empty", empty)]
    # many images share the report of their study
    texts = pc.value_counts(columns.report_N)
    values, count = texts.field("values").to_pylist(), texts.field("counts").to_numpy()
    for rules in get_args(Rules):
        lost = [caption_of_report(text, rules) is None for text in values]
        without = int(count[np.array(lost, dtype=bool)].sum()) - empty
        rows.append((f"with a report, but no caption under rules={rules}", without))
    return Facts(title="Reports", header=("reports", "images"), rows=tuple(rows))


def _marks(columns: Columns, what: str, marks: Marks) -> Facts:
    rows = []
    for f, name in enumerate(columns.finding_names):
        own = marks.finding_B == f
        if own.any():
            images = len(np.unique(marks.image_B[own]))
            rows.append((name, images, int(own.sum()), f"{np.median(marks.share_B[own]):.2%}"))
    header = ("finding", "images", what.lower(), "median share of the image")
    return Facts(title=what, header=header, rows=tuple(rows))


def _sizes(columns: Columns) -> Facts:
    if not columns.read_N.any():
        return Facts(title="Original sizes", header=(), rows=())
    rows = []
    for name, side_N in (("width", columns.width_N), ("height", columns.height_N)):
        side_K = side_N[columns.read_N]
        rows.append((name, int(side_K.min()), int(np.median(side_K)), int(side_K.max())))
    return Facts(title="Original sizes, in pixels", header=("side", "least", "median", "most"), rows=tuple(rows))
