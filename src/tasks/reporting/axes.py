"""What varies among the jobs: rows, columns and repeats, and how each is called."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.core.errors import UserError
from src.core.evaluated_model import EvaluatedModel
from src.core.finished import key_and_value, matters
from src.evaluation.estimate import Figures
from src.tasks.reporting.jobs import Job

_NO_AXIS = ("hydra", "sweep", "resume")


@dataclass(frozen=True, kw_only=True)
class Point:
    """One record of one job. ``settings``: the value of every key that was set for any job. ``repeat``: which of the
    repeats it is, the job's and, where one job judged several, its record's. ``model``: what was evaluated; None for
    runs that are older than that record. ``notes``: what the run says of its figures.
    """

    job: Job
    settings: Mapping[str, Any]
    repeat: tuple[str, ...]
    figures: Figures
    cases: Mapping[str, Path]
    model: EvaluatedModel | None
    notes: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it was found, for messages."""
        return str(self.job.folder)


@dataclass(frozen=True, kw_only=True)
class Axes:
    """The points, and the keys that make the table's rows and columns."""

    points: tuple[Point, ...]
    rows: tuple[str, ...]
    columns: str | None


def find_axes(jobs: Sequence[Job], *, columns: str | None, repeats: Sequence[str]) -> Axes:
    """Rows are the keys with several values but for ``columns`` and ``repeats``; a record's own settings count too. A
    key that follows from the others, as a file of weights does from its encoder's name, is left out.

    Raises UserError where ``columns`` is no key of the jobs, or two points cannot be told apart.
    """
    typed = dict.fromkeys(key_and_value(word)[0] for job in jobs for word in job.done.overrides)
    keys = [key for key in typed if key.split(".")[0] not in _NO_AXIS and matters(key)]
    own = dict.fromkeys(key for job in jobs for record in job.records for key in record.settings)
    keys = list(dict.fromkeys([*keys, *own, *([columns] if columns else [])]))
    points = tuple(_point(job, n, keys, repeats) for job in jobs for n in range(len(job.records)))
    if columns is not None and all(point.settings[columns] is None for point in points):
        near = difflib.get_close_matches(columns, keys[:-1], n=1)
        hint = f"did you mean {near[0]}?" if near else f"the jobs differ in {', '.join(_varying(points, keys))}"
        raise UserError(f"task.columns={columns} is no setting of these jobs; {hint}")
    rows = _needed(points, [key for key in _varying(points, keys) if key != columns and key not in repeats])
    _refuse_doubles(points, rows, columns)
    return Axes(points=points, rows=rows, columns=columns)


def value_label(key: str, value: Any) -> str:
    """A setting as a person would call it: ``ITA + CTA``, ``1 %``, ``random``, or ``key=value``."""
    last = key.replace("/", ".").rpartition(".")[2]
    if key == "loss" and isinstance(value, list | tuple):
        return " + ".join(str(name).upper() for name in value) or "none"
    if last == "fraction" and isinstance(value, int | float):
        return f"{100 * value:g} %"
    if value is None:
        return f"{last} as set"
    if _is_path(value):
        value = Path(value).name
    if key in {"dataset", "weights", "experiment", "probe"} or "/" in key:
        return str(value)
    return f"{last}={value}"


def row_label(axes: Axes, point: Point) -> str:
    """The name of the row that ``point`` is in."""
    return ", ".join(value_label(key, point.settings[key]) for key in axes.rows) or "all jobs"


def setting(job: Job, key: str) -> Any:
    """A job's value of ``key``: the option of a group, or the config's value with plain references followed."""
    if key == "loss":
        return [name for name, node in _look_up(job.done.config, key).items() if node]
    if key in job.done.choices:
        return job.done.choices[key]
    return _look_up(job.done.config, key)


def _look_up(config: Mapping[str, Any], key: str) -> Any:
    node: Any = config
    for name in key.replace("/", ".").split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    if isinstance(node, str) and node.startswith("${") and node.endswith("}") and node[2:-1].replace(".", "").isalnum():
        return _look_up(config, node[2:-1])
    return node


def _point(job: Job, index: int, keys: Sequence[str], repeats: Sequence[str]) -> Point:
    record = job.records[index]
    settings = {key: record.settings.get(key, setting(job, key)) for key in keys}
    repeat = [str(setting(job, key)) for key in repeats]
    repeat += [str(record.settings[key]) for key in repeats if key in record.settings]
    cases = {group: job.folder / file for group, file in record.cases.items()}
    return Point(
        job=job,
        settings=settings,
        repeat=tuple(repeat),
        figures=record.figures,
        cases=cases,
        model=record.model,
        notes=record.notes,
    )


def _varying(points: Sequence[Point], keys: Sequence[str]) -> list[str]:
    return [key for key in keys if len({repr(point.settings[key]) for point in points}) > 1]


def _needed(points: Sequence[Point], keys: Sequence[str]) -> tuple[str, ...]:
    """The keys that tell the rows apart; those that read worst go first: paths, what is not set, options of groups."""

    def rows_by(some: Sequence[str]) -> int:
        return len({tuple(repr(point.settings[key]) for key in some) for point in points})

    def reads_badly(key: str) -> tuple[bool, bool, int]:
        values = [point.settings[key] for point in points]
        return any(value is None or _is_path(value) for value in values), "/" in key, keys.index(key)

    needed = list(keys)
    for key in sorted(keys, key=reads_badly, reverse=True):
        others = [other for other in needed if other != key]
        if others and rows_by(others) == rows_by(needed):
            needed = others
    return tuple(needed)


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and "/" in value


def _refuse_doubles(points: Sequence[Point], rows: Sequence[str], columns: str | None) -> None:
    seen: dict[Any, Point] = {}
    for point in points:
        keys = (*rows, columns) if columns else rows
        identity = (*(repr(point.settings[key]) for key in keys), point.repeat)
        if identity in seen:
            raise UserError(
                f"{seen[identity].place} and {point.place} have the same settings, so that neither can be told from "
                "the other; name each folder once, or report them apart."
            )
        seen[identity] = point
