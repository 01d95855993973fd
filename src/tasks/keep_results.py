"""What a judging task leaves: its tables and its record, and the cases behind the figures."""

from collections.abc import Mapping
from pathlib import Path

from src.core.evaluated_model import EvaluatedModel
from src.evaluation.cases import Cases, save_cases
from src.evaluation.estimate import Figures
from src.evaluation.measure import say_left_out
from src.evaluation.records import Record, write_records
from src.evaluation.table import Columns, chance_column, save_results, without_chance


def keep_results(
    figures: Figures,
    cases: Mapping[str, Cases],
    *,
    columns: Columns | None,
    model: EvaluatedModel | None,
    run_dir: Path,
) -> Columns:
    """Keep ``records.json``, ``cases/GROUP.parquet``, ``results.md`` and ``results.json``; the columns to print.

    ``cases`` by the group of figures that was computed from them. ``columns``: models to stand side by side in the
    tables, None for ``figures`` alone; what chance gives is a further one. ``model``: what was evaluated; None for one
    that the run itself trained.
    """
    files = {group: f"cases/{group}.parquet" for group in cases}
    for group, file in files.items():
        say_left_out(cases[group], group=group)
        save_cases(cases[group], run_dir / file)
    write_records([Record(settings={}, figures=figures, cases=files, model=model)], run_dir)
    columns = {"model": figures} if columns is None else columns
    shown: dict[str, Figures] = {title: without_chance(column) for title, column in columns.items()}
    named = {name for column in shown.values() for name in column}
    shown["chance"] = {name: value for name, value in chance_column(figures).items() if name in named}
    save_results(shown, run_dir)
    return shown
