"""The jobs of a sweep, read from their folders. What lies there is data: nothing in it is built or run."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from src.core.errors import UserError
from src.core.finished import DONE, FAILED, Done, differences, explained, read_done, read_failure
from src.evaluation.records import NAME, Record, read_records

_MARKS = (".lock", DONE, FAILED)
"""Files of which the folder of a job has one."""
Unfinished = Literal["refuse", "leave_out"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A finished job: its folder, what it was, and what it found."""

    folder: Path
    done: Done
    records: tuple[Record, ...]


def read_jobs(sweeps: Sequence[Path], *, unfinished: Unfinished) -> list[Job]:
    """The finished jobs of ``sweeps``, each the folder of a sweep or of one run, in the order of their numbers.

    Raises UserError where a folder is not there or holds no job; where a job is not finished, unless ``unfinished``
    leaves it out; where the jobs of one folder are of different sweeps; and for a job that was not judged.
    """
    jobs = []
    for sweep in sweeps:
        folders = _job_folders(sweep)
        found = [(folder, done) for folder in folders if (done := read_done(folder)) is not None]
        if unfinished == "refuse":
            _refuse_unfinished(sweep, folders, {folder for folder, _ in found})
        if not found:
            raise UserError(f"no job in {sweep} is finished; {_how_to_finish(sweep)}.")
        _refuse_mixture(sweep, found)
        jobs += [Job(folder=folder, done=done, records=tuple(_records(folder))) for folder, done in found]
    return jobs


def left_out(sweeps: Sequence[Path]) -> list[str]:
    """The folders of jobs that are not finished, for a note; those that never began have none."""
    folders = [folder for sweep in sweeps for folder in _job_folders(sweep)]
    return [str(folder) for folder in folders if read_done(folder) is None]


def _job_folders(sweep: Path) -> list[Path]:
    if not sweep.is_dir():
        raise UserError(f"sweep={sweep}: there is no such folder; give the folder of a sweep, as outputs/sweeps/NAME.")
    if (sweep / DONE).is_file():
        return [sweep]
    folders = [path for path in sweep.iterdir() if any((path / mark).is_file() for mark in _MARKS)]
    if not folders:
        raise UserError(f"sweep={sweep} holds no job; give the folder of a sweep, as outputs/sweeps/NAME.")
    return sorted(folders, key=lambda path: (path.name.rjust(9), path.name))


def _records(folder: Path) -> list[Record]:
    if not (folder / NAME).is_file():
        raise UserError(
            f"{folder} was not judged (it has no {NAME}); sweep over a task that judges, e.g. task=classify."
        )
    return read_records(folder)


def _refuse_unfinished(sweep: Path, folders: Sequence[Path], finished: set[Path]) -> None:
    left = [folder for folder in folders if folder not in finished]
    said = [f"{folder.name} ({read_failure(folder) or 'broken off, or still running'})" for folder in left]
    not_begun = how_many_jobs(sweep) - len(folders)
    if not_begun > 0:
        said.append(f"{not_begun} not begun")
    if said:
        raise UserError(
            f"{sweep} is not finished: {'; '.join(said)}. {_how_to_finish(sweep).capitalize()}, or report the others "
            "with task.unfinished=leave_out."
        )


def _command(sweep: Path) -> dict[str, Any]:
    """The node ``hydra`` of the file that Hydra keeps of a sweep's command; empty where it is not there."""
    try:
        text = (sweep / "multirun.yaml").read_text(encoding="utf-8")
        return dict(yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))["hydra"])
    except (OSError, yaml.YAMLError, LookupError, TypeError, ValueError):
        return {}


def _how_to_finish(sweep: Path) -> str:
    words = [str(word) for word in _command(sweep).get("overrides", {}).get("task", [])]
    again = " ".join(shlex.quote(word) for word in ["-m", *words])
    return f"finish it with: python -m src.run {again}" if words else "give the command of the sweep again to finish it"


def how_many_jobs(sweep: Path) -> int:
    """Return how many jobs the newest command of the sweep asked for; 0 where nobody can say."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    command = _command(sweep)
    typed = [str(word) for word in command.get("overrides", {}).get("task", [])]
    params = (command.get("sweeper") or {}).get("params") or {}
    words = {word.partition("=")[0]: word for word in [*(f"{k}={v}" for k, v in params.items()), *typed]}
    try:
        parsed = OverridesParser.create().parse_overrides(list(words.values()))
        return math.prod(sum(1 for _ in one.sweep_iterator()) for one in parsed if one.is_sweep_override())
    except HydraException:
        return 0


def _refuse_mixture(sweep: Path, found: Sequence[tuple[Path, Done]]) -> None:
    (first, reference), *others = found
    swept = {key for _, done in found for key in done.swept}
    for folder, done in others:
        for key, (one, other) in differences(reference.config, done.config).items():
            if not explained(key, swept, reference.config):
                raise UserError(
                    f"{sweep} mixes jobs of different sweeps: {key} is {one} in job {first.name} and {other} in job "
                    f"{folder.name}, and was not swept; give each sweep a name of its own, with name=NAME."
                )
