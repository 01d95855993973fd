"""What a data set holds, counted: tables for people.

Axes: N images, F findings.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import get_args

import numpy as np

from src.core.rules import Rules
from src.data.health.columns import Columns, Marks
from src.data.health.splits import empty_reports
from src.data.report import caption
from src.data.report_sections import Sections
from src.data.sources import SPLITS

Cell = str | int | float
ReadSections = Callable[[str, str, Rules], Sections]
"""Impression and findings of a report, of the image of a file, by the data set's own rules: ``Reader.sections``."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A table with a title; the first column names the rows."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def gather_facts(columns: Columns, *, read_sections: ReadSections | None) -> list[Facts]:
    """Every table that the data set has something to fill with. ``read_sections``: None where its owner wrote none."""
    facts = [_splits(columns), _views(columns), _labels(columns)]
    if read_sections is not None:
        facts.append(_reports(columns, read_sections))
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


def _reports(columns: Columns, read_sections: ReadSections) -> Facts:
    empty = int(empty_reports(columns).sum())
    rows: list[tuple[Cell, ...]] = [("with a report", len(columns) - empty), ("empty", empty)]
    # many images share the report, and the folder, of their study: the last of them speaks for all
    reports, files = columns.report_N.to_pylist(), columns.source_N.to_pylist()
    study_N = [(text, PurePosixPath(file).parent) for text, file in zip(reports, files, strict=True)]
    file_of, images = dict(zip(study_N, files, strict=True)), Counter(study_N)
    for rules in get_args(Rules):
        captions = {study: caption(*read_sections(study[0], file, rules), rules) for study, file in file_of.items()}
        lost = sum(count for study, count in images.items() if captions[study] is None)
        rows.append((f"with a report, but no caption under rules={rules}", lost - empty))
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
