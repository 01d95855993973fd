"""What a judging task leaves: its tables and its record, and the cases behind the figures."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from src.evaluation.cases import Cases, save_cases
from src.evaluation.estimate import Figures
from src.evaluation.measure import say_left_out
from src.evaluation.records import Record, write_records
from src.evaluation.table import Columns, reference_columns, save_results, without_references
from src.tasks.heading import Heading


def keep_results(
    figures: Figures,
    cases: Mapping[str, Cases],
    *,
    columns: Columns | None,
    heading: Heading,
    table: Callable[[Columns], str],
    run_dir: Path,
) -> None:
    """Keep ``records.json``, ``cases/GROUP.parquet``, ``results.md`` and ``results.json``, and print the table.

    ``cases`` by the group of figures that was computed from them. ``columns``: models to stand side by side in the
    tables, None for ``figures`` alone under the model's title; what the figures are held against are further ones.
    ``table``: makes the text to print, and to write into ``results.md``, from these columns.
    """
    files = {group: f"cases/{group}.parquet" for group in cases}
    for group, file in files.items():
        say_left_out(cases[group], group=group)
        save_cases(cases[group], run_dir / file)
    write_records([record_of(heading, figures, files)], run_dir)
    columns = {heading.model.title: figures} if columns is None else columns
    shown: dict[str, Figures] = {title: without_references(column) for title, column in columns.items()}
    named = {name for column in shown.values() for name in column}
    for title, column in reference_columns(figures).items():
        shown[title] = {name: value for name, value in column.items() if name in named}
    text = table(shown)
    save_results(shown, run_dir, heading=heading.text, table=text)
    print(f"\n{heading.text}\n{text}")


def record_of(
    heading: Heading, figures: Figures, files: Mapping[str, str], *, settings: Mapping[str, Any] | None = None
) -> Record:
    """The record of ``figures``; ``files``: of their cases by group. ``settings``: see ``Record``."""
    return Record(
        settings=settings or {},
        figures=figures,
        cases=files,
        model=heading.model,
        evaluated_on=heading.cases,
        notes=heading.notes,
    )
