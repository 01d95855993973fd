"""Makes a sweep's table: in the terminal, as Markdown, CSV and LaTeX, and as a picture."""

import math
from collections.abc import Sequence
from pathlib import Path

from src.core.errors import UserError
from src.core.files import write_text
from src.evaluation.table import reference_columns
from src.pictures.sweep_plot import Mark, Panel, draw_sweep
from src.tasks.reporting.axes import find_axes
from src.tasks.reporting.cells import Cell, Table, find_row, make_table, record_notes
from src.tasks.reporting.jobs import Job, Unfinished, left_out, read_jobs
from src.tasks.reporting.latex import latex
from src.tasks.reporting.metrics import choose_metrics, metric_label
from src.tasks.reporting.published import Published
from src.tasks.reporting.published_figures import SHIPPED, read_figures
from src.tasks.reporting.published_protocol import Compose
from src.tasks.reporting.render import long_csv, markdown
from src.tasks.reporting.same_data import check_data
from src.tasks.reporting.significance import Comparison, compare_rows, mark_best

_MOST = 4


def report(
    *,
    sweep: str | Sequence[str] | None,
    repeats: Sequence[str],
    columns: str | None,
    metrics: Sequence[str] | None,
    baseline: str | None,
    resamples: int,
    published: str | None,
    published_rows: bool,
    unfinished: Unfinished,
    folder: str | None,
    compose_config: Compose,
) -> None:
    """Print the table of the finished jobs in ``sweep`` and write ``report.md``, ``.csv``, ``.tex`` and ``.png``.

    A row is a combination of the settings that vary, but for ``columns`` and ``repeats``, over which a cell's mean and
    spread are. ``baseline``: the row that the others are tested against. ``resamples``: of the patients, for the tests
    against it and for the best of each column. ``compose_config``: from overrides to their config, for the experiments
    of published figures.
    Raises UserError where a sweep is missing, unfinished or mixed, or a name is not known.
    """
    names = [sweep] if isinstance(sweep, str) else list(sweep or ())
    if not names:
        raise UserError("task=report needs the folder of a sweep; give sweep=DIR, e.g. sweep=outputs/sweeps/mgca.")
    sweeps = [Path(name) for name in names]
    jobs = read_jobs(sweeps, unfinished=unfinished)
    axes = find_axes(jobs, columns=columns, repeats=repeats)
    chosen = choose_metrics(axes.points, metrics)
    beside = None
    if published is not None:
        figures = read_figures(SHIPPED if published == "shipped" else Path(published))
        beside = Published(figures, compose=compose_config)
    table = make_table(axes, chosen, beside, published_rows=published_rows)
    check_data(table)
    comparison = Comparison(resamples)
    if resamples:
        mark_best(table, comparison)
    if baseline is not None:
        if resamples < 1:
            raise UserError(f"resamples={resamples}: a test against a baseline needs some; give e.g. resamples=1000.")
        row = find_row(table, baseline)
        compare_rows(table, row, comparison)
    table.notes += record_notes(table)
    if missing := left_out(sweeps):
        table.notes.append(f"Left out, as not finished: {', '.join(missing)}.")
    into = Path(folder) if folder is not None else _own_folder(sweeps)
    title = f"{len(jobs)} finished jobs in {', '.join(names)}; {_evaluated(jobs)}"
    write_text(into / "report.md", f"{title}\n\n{markdown(table)}\n")
    write_text(into / "report.csv", long_csv(table))
    name = "-".join(sweep.name for sweep in sweeps)
    write_text(into / "report.tex", latex(table, name=name, data=_data(jobs)) + "\n")
    draw_sweep(_panels(table), into / "report.png", title=title)
    print(f"\n{title}\n\n{markdown(table)}\n\nreport.md, report.csv, report.tex and report.png lie in {into}")


def _evaluated(jobs: Sequence[Job]) -> str:
    """On which cases of which data set the jobs' models were evaluated, and which models these are; each once."""
    records = [record for job in jobs for record in job.records]
    models = list(dict.fromkeys(record.model.title for record in records if record.model is not None))
    return "; ".join(text for text in (_data(jobs), _some(models)) if text) or "no record says of which model"


def _data(jobs: Sequence[Job]) -> str:
    """The cases of which data set; empty where no record says it."""
    records = [record for job in jobs for record in job.records]
    return _some(list(dict.fromkeys(record.evaluated_on for record in records if record.evaluated_on)))


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST
    return " | ".join([*names[:_MOST], *([f"and {more} more"] if more > 0 else [])])


def _own_folder(sweeps: Sequence[Path]) -> Path:
    """A report of several sweeps lies beside the first, and leaves that one's own alone."""
    if len(sweeps) == 1:
        return sweeps[0] / "report"
    return sweeps[0].parent / f"report_of_{'_and_'.join(sweep.name for sweep in sweeps)}"


def _panels(table: Table) -> list[Panel]:
    """A panel a figure; lines where the columns, or the only key of the rows, are numbers."""
    axes = table.axes
    if axes.columns is not None and _are_numbers([column.value for column in table.columns]):
        by_metric = dict.fromkeys(column.metric for column in table.columns)
        return [_lines_over_columns(table, metric) for metric in by_metric]
    ours = [row for row in table.rows if row.settings]
    if len(axes.rows) == 1 and len(ours) > 1 and _are_numbers([row.settings[axes.rows[0]] for row in ours]):
        x = tuple(float(row.settings[axes.rows[0]]) for row in ours)
        return [
            Panel(
                title=column.label,
                x_label=axes.rows[0].rpartition(".")[2].replace("_", " "),
                x=x,
                names=("",),
                series=(tuple(_mark(row.cells[c]) for row in ours),),
                chance=_chance(table, column.metric),
            )
            for c, column in enumerate(table.columns)
        ]
    return [
        Panel(
            title=column.label,
            x_label="",
            x=None,
            names=tuple(row.label for row in table.rows),
            series=tuple((_mark(row.cells[c]),) for row in table.rows),
            chance=_chance(table, column.metric),
        )
        for c, column in enumerate(table.columns)
    ]


def _lines_over_columns(table: Table, metric: str) -> Panel:
    key = str(table.axes.columns)
    places = [c for c, column in enumerate(table.columns) if column.metric == metric]
    return Panel(
        title=metric_label(metric),
        x_label=key.rpartition(".")[2].replace("_", " "),
        x=tuple(float(table.columns[c].value) for c in places),
        names=tuple(row.label for row in table.rows),
        series=tuple(tuple(_mark(row.cells[c]) for c in places) for row in table.rows),
        chance=_chance(table, metric),
    )


def _mark(cell: Cell) -> Mark:
    spread = (cell.mean - cell.sd, cell.mean + cell.sd) if math.isfinite(cell.sd) else (cell.low, cell.high)
    return Mark(
        mean=cell.mean,
        low=spread[0],
        high=spread[1],
        values=cell.values,
        published=None if cell.published is None else cell.published.value,
    )


def _chance(table: Table, metric: str) -> float | None:
    """What guessing gives of a figure, where it is one number for all jobs that have it."""
    found = {
        column[metric]
        for point in table.axes.points
        if (column := reference_columns(point.figures).get("chance", {})).get(metric) is not None
    }
    return found.pop() if len(found) == 1 else None


def _are_numbers(values: Sequence[object]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
