"""One job of a sweep: skipped where it is finished, done again where it was broken off, and left to whoever does it."""

import json
import logging
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import yaml
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from src.core.durations import duration
from src.core.errors import UserError
from src.core.files import write_text
from src.core.finished import (
    FAILED,
    Done,
    differences,
    explained,
    key_and_value,
    read_done,
    write_done,
    write_failure,
)
from src.core.lock import HeldError, only_process
from src.core.output import print_lines
from src.engine.processes import is_one_of_several, run_as_one_of_several
from src.engine.quoting import is_choice, parsed
from src.engine.ranks import is_first_process
from src.engine.resume import newest_whole
from src.engine.run_folder import LOCK, LOG, is_claimed, remove_if_nothing_was_written
from src.engine.run_log import recorded
from src.engine.say import readable
from src.engine.sweep_summary import MULTIRUN, JobFailedError, SweepState, job_result, sweep_state, time_left
from src.engine.trained_config import with_trained_config

STARTED = ".started.json"
_log = logging.getLogger(__name__)


def run_job(cfg: DictConfig, run: Callable[[DictConfig], None]) -> None:
    """Run ``run(cfg)`` and mark its folder as finished.

    A job of a sweep is skipped where it is finished with the same config, and where another process is doing it; what
    a job that was broken off left is cleared first, unless ``resume=true`` finds its last checkpoint. Raises
    JobFailedError, which says why, for whatever goes wrong in a job of a sweep.
    """
    settings = HydraConfig.get()
    folder = Path(settings.runtime.output_dir)
    if is_one_of_several():
        with recorded(folder / LOG, readable):
            run_as_one_of_several(folder, lambda: run(with_trained_config(cfg)), readable)
    elif not is_first_process():
        cfg = with_trained_config(cfg)
        if job_number() is None or not _is_done(folder, _done(cfg, settings)):
            run(cfg)
    elif job_number() is None:
        _run_single(cfg, run, settings, folder)
    else:
        with recorded(folder / LOG, readable):
            _run_of_sweep(cfg, run, settings, folder)


def _run_single(cfg: DictConfig, run: Callable[[DictConfig], None], settings: HydraConf, folder: Path) -> None:
    """Run what is no job of a sweep; where it fails before it wrote anything, its folder is removed."""
    # in a folder of its own there is no other process
    alone = nullcontext() if is_claimed(folder) else only_process(folder / LOCK)
    try:
        with alone, recorded(folder / LOG, readable):
            cfg = with_trained_config(cfg)
            run(cfg)
            write_done(folder, _done(cfg, settings))
    except HeldError as held:
        raise UserError(
            f"{folder} is in use by {held}; wait for its end, or choose another folder with hydra.run.dir=DIR."
        ) from None
    except BaseException as error:
        # the log of a defect is worth a report
        if not isinstance(error, Exception) or readable(error) is not None:
            remove_if_nothing_was_written(folder)
        raise


def _run_of_sweep(cfg: DictConfig, run: Callable[[DictConfig], None], settings: HydraConf, folder: Path) -> None:
    try:
        with only_process(folder / LOCK):
            _run_alone(with_trained_config(cfg), run, settings, folder)
    except HeldError as held:
        print_lines(f"{_job(folder)} is left to {held}, which is doing it")
    except JobFailedError:
        raise
    except Exception as error:
        # whatever it is, the sweep's other jobs go on; run.log keeps the traceback of a defect
        raise _failed(folder, error) from error


def job_number() -> int | None:
    """The number of this job in its sweep; None for a run of its own."""
    if not HydraConfig.initialized() or OmegaConf.is_missing(HydraConfig.get().job, "num"):
        return None
    return int(HydraConfig.get().job.num)


def sweep_name() -> str:
    """The name of the folder of this job's sweep."""
    return Path(HydraConfig.get().runtime.output_dir).parent.name


def swept_keys() -> tuple[str, ...]:
    """The keys that this job's sweep varies; none for a run of its own."""
    return () if job_number() is None else tuple(key_and_value(word)[0] for word in _swept_words())


def _swept_words() -> list[str]:
    """This job's words for the keys that vary; Hydra spells the others anew, as in False for false."""
    settings = HydraConfig.get()
    of_all = _overrides_of_all(Path(settings.runtime.output_dir).parent / MULTIRUN)
    # of a key that is given twice the last word counts
    last = {key_and_value(word)[0]: parsed(word) for word in of_all}
    fixed = {key for key, read in last.items() if read is None or not is_choice(read)}
    return [word for word in settings.overrides.task if key_and_value(word)[0] not in fixed]


def _run_alone(cfg: DictConfig, run: Callable[[DictConfig], None], settings: HydraConf, folder: Path) -> None:
    done = _done(cfg, settings)
    if _is_done(folder, done):
        (folder / FAILED).unlink(missing_ok=True)
        print_lines(f"{_job(folder)} is finished already{time_left(_state(folder))}")
        return
    _refuse_mixture(folder, done)
    if cfg.resume is True or cfg.resume == "auto":
        # any other run of this name is another job of the sweep
        own = newest_whole(folder / "checkpoints")
        cfg.resume = False if own is None else str(own)
    if not isinstance(cfg.resume, str):
        _clear(folder)
    (folder / FAILED).unlink(missing_ok=True)
    print_lines(f"{_job(folder)}: {', '.join(_swept_words()) or 'the only one'}{time_left(_state(folder))}")
    began = time.monotonic()
    run(cfg)
    write_done(folder, done)
    took = duration(time.monotonic() - began)
    print_lines("", f"{_job(folder)} is done, in {took}{job_result(folder)}{time_left(_state(folder))}")


def _job(folder: Path) -> str:
    """The job by its place among those of the sweep, and its folder."""
    total, place = _total(folder.parent), int(folder.name) + 1 if folder.name.isdecimal() else 0
    return f"job {place or folder.name}{f' of {total}' if total >= place > 0 else ''} ({folder})"


def _state(folder: Path) -> SweepState:
    return sweep_state(folder.parent, _total(folder.parent))


def _total(sweep: Path) -> int:
    # imports torch, which takes seconds
    from src.tasks.reporting.jobs import how_many_jobs

    return how_many_jobs(sweep)


def _failed(folder: Path, error: Exception) -> JobFailedError:
    message = readable(error)
    if message is None:
        _log.exception("%s failed", _job(folder))
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".rstrip(": ")
        reason += f" (a defect; {folder.name}/run.log has the traceback)"
    else:
        reason = message.removeprefix("Error: ")
        _log.error("%s failed: %s", _job(folder), reason)
    write_failure(folder, reason)
    return JobFailedError(folder, reason)


def _done(cfg: DictConfig, settings: HydraConf) -> Done:
    plain: Any = OmegaConf.to_container(cfg, resolve=False, enum_to_str=True)
    overrides = tuple(OmegaConf.to_container(settings.overrides.task))  # type: ignore[arg-type]
    chosen: Any = OmegaConf.to_container(settings.runtime.choices)
    choices = {name: option for name, option in chosen.items() if not name.startswith("hydra/")}
    return Done(config=plain, choices=choices, overrides=overrides, swept=swept_keys())


def _overrides_of_all(multirun: Path) -> list[str]:
    """What was typed for every job of the sweep, from the file that Hydra keeps of it."""
    if not multirun.is_file():
        return []
    whole = yaml.load(multirun.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return list(whole["hydra"]["overrides"]["task"])


def _is_done(folder: Path, wanted: Done) -> bool:
    found = read_done(folder)
    if found is None:
        return False
    for key, (before, now) in differences(found.config, wanted.config).items():
        raise UserError(
            f"{folder.parent} holds the finished jobs of another sweep ({key} was {_short(before)} and is now "
            f"{_short(now)}); give this one a name of its own with name=NAME."
        )
    return True


def _refuse_mixture(folder: Path, wanted: Done) -> None:
    """A job of one sweep must not be done among the finished jobs of another."""
    for path in sorted(folder.parent.glob("*/")):
        found = read_done(path) if path != folder else None
        if found is None:
            continue
        for key, (before, now) in differences(found.config, wanted.config).items():
            if not explained(key, {*found.swept, *wanted.swept}, wanted.config):
                raise UserError(
                    f"{folder.parent} holds the finished jobs of another sweep ({key} was {_short(before)} and is now "
                    f"{_short(now)}); give this one a name of its own with name=NAME."
                )


def _short(value: Any) -> str:
    return "absent" if value is None else str(value)


def _clear(folder: Path) -> None:
    """Remove what an earlier start of this job left, and nothing that was there before it."""
    kept = {LOCK, STARTED}
    there = [path for path in folder.iterdir() if path.name not in kept and path.suffix != ".log"]
    try:
        foreign = set(json.loads((folder / STARTED).read_text(encoding="utf-8"))["there"])
    except (OSError, LookupError, TypeError, ValueError):
        foreign = {path.name for path in there}
    for path in there:
        if path.name in foreign:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    write_text(folder / STARTED, json.dumps({"there": sorted(foreign)}) + "\n")
