"""The progress and the result of a sweep, read from the folders of its jobs, whichever process or machine does them."""

import re
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from src.core.durations import about, duration
from src.core.errors import UserError
from src.core.finished import DONE, FAILED, read_failure

MULTIRUN = "multirun.yaml"
"""Hydra writes it into the sweep's folder when a sweep starts."""
_RECORDS = "records.json"
_PLAIN = re.compile(r"[\w./-]+", re.ASCII)
# metrics in the line of a finished job
_SHOWN = 4


class JobFailedError(UserError):
    """A job of a sweep came to nothing; the sweep's other jobs go on. It can be sent between processes."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"job {folder.name} failed: {reason}")
        self.folder = folder
        self.reason = reason

    def __reduce__(self) -> tuple[type["JobFailedError"], tuple[Path, str]]:
        return type(self), (self.folder, self.reason)


@dataclass(frozen=True, kw_only=True)
class SweepState:
    """The jobs of a sweep by their numbers. ``done``: finished since the sweep started. ``skipped``: finished before.

    ``failed``: with the reason. ``total``: the command's jobs; 0 where that is not known. ``seconds``: since its start.
    """

    done: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: dict[str, str]
    total: int
    seconds: float

    @property
    def left_s(self) -> float | None:
        """The seconds that the other jobs take at the speed so far; None where nothing is known of it."""
        worked = len(self.done) + len(self.failed)
        left = self.total - worked - len(self.skipped)
        return left * self.seconds / worked if worked and left > 0 else None


def sweep_state(sweep: Path, total: int) -> SweepState:
    """Return how far the newest start of ``sweep`` is; ``total``: how many jobs it has, 0 where it is not known."""
    started = (sweep / MULTIRUN).stat().st_mtime
    done: list[str] = []
    skipped: list[str] = []
    failed: dict[str, str] = {}
    for folder in sorted((path for path in sweep.iterdir() if _is_job(path, total)), key=lambda path: int(path.name)):
        if (folder / DONE).is_file() and not (folder / FAILED).is_file():
            (done if (folder / DONE).stat().st_mtime >= started else skipped).append(folder.name)
        elif (folder / FAILED).is_file() and (folder / FAILED).stat().st_mtime >= started:
            failed[folder.name] = read_failure(folder) or "the reason was not kept"
    seconds = max(time.time() - started, 0.0)
    return SweepState(done=tuple(done), skipped=tuple(skipped), failed=failed, total=total, seconds=seconds)


def time_left(state: SweepState) -> str:
    """Return ``; about 4 min left``, or nothing where nobody knows."""
    return "" if state.left_s is None else f"; about {about(state.left_s)} left"


def summary(sweep: Path, state: SweepState) -> str:
    """Return the closing lines of a sweep: its jobs done, skipped and failed, what to do, and the command of its table.

    Failed jobs with the same reason stand together.
    """
    return "\n".join(_summary_lines(sweep, state))


def _summary_lines(sweep: Path, state: SweepState) -> Iterator[str]:
    counts = [f"{len(state.done)} done"]
    counts += [f"{len(state.skipped)} finished before and skipped"] if state.skipped else []
    counts += [f"{len(state.failed)} failed"] if state.failed else []
    others = state.total - len(state.done) - len(state.skipped) - len(state.failed)
    counts += [f"{others} left to other processes"] if others > 0 else []
    yield f"Sweep {sweep}: {', '.join(counts)}, in {duration(state.seconds)}."
    together: dict[str, list[str]] = {}
    for name, reason in state.failed.items():
        together.setdefault(reason, []).append(name)
    for reason, names in together.items():
        yield f"  folder{'s' if len(names) > 1 else ''} {', '.join(names)}: {reason}"
    if state.failed:
        yield "The same command does the failed jobs again and skips the finished ones."
    if any(sweep.glob(f"*/{_RECORDS}")) and (state.done or state.skipped):
        yield f"Table of the finished jobs: {report_command(sweep, leave_out=bool(state.failed) or others > 0)}"


def report_command(sweep: Path, *, leave_out: bool) -> str:
    """Return the command that makes the table of ``sweep``, for a shell; ``leave_out``: of its unfinished jobs."""
    path = str(sweep)
    if not _PLAIN.fullmatch(path):
        # Hydra reads other characters within quotes alone, where a backslash counts before a quote and at the end
        at_the_end = path[len(path.rstrip("\\")) :]
        path = '"' + re.sub(r'(\\*)"', r'\1\1\\"', path) + at_the_end + '"'
    words = ["python", "-m", "src.run", "task=report", f"sweep={path}"]
    return shlex.join([*words, "task.unfinished=leave_out"] if leave_out else words)


def _is_job(path: Path, total: int) -> bool:
    return path.is_dir() and path.name.isdecimal() and (total == 0 or int(path.name) < total)


def job_result(folder: Path) -> str:
    """The main figures of a job that measured any, the first of a group."""
    from src.evaluation.estimate import value_of
    from src.evaluation.records import NAME, read_records
    from src.tasks.reporting.metrics import choose_metrics, metric_label, shown

    records = read_records(folder) if (folder / NAME).is_file() else []
    if not records:
        return ""
    figures = records[0].figures
    groups = {name.partition("/")[0]: name for name in reversed(choose_metrics(records[:1], None))}
    chosen = list(reversed(groups.values()))[:_SHOWN]
    return ": " + ", ".join(f"{metric_label(name)} {shown(value_of(figures[name]))}" for name in chosen)
