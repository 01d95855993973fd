"""Turns the exceptions that a user can cause into one message each."""

import difflib
import errno
import os
import re
import sys
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError

from src.core.errors import UserError
from src.engine.schema import RunConfig
from src.engine.sweep_summary import JobFailedError, summary

# EFBIG: a quota of its own for the size of a file
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CANNOT_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, *_FULL}
_LOST_WORKER = re.compile(r"DataLoader worker \(pid\S* [\d, ]+\) (is killed by signal: [\w ]+|exited unexpectedly)")
_VALIDATION_BEYOND = re.compile(r"`val_check_interval` \((\d+)\) must be less.*training batches \((\d+)\)", re.DOTALL)
CONF = Path(__file__).resolve().parents[2] / "conf"


def readable(error: BaseException) -> str | None:
    """The one message for ``error``, or None for a defect of ours, which deserves its traceback."""
    if isinstance(error, JobFailedError):
        return summary(error)
    if isinstance(error, UserError):
        return f"Error: {error}"
    if isinstance(error, HydraException | OmegaConfBaseException) and not isinstance(error, InstantiationException):
        return _config_message(error)
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"Error: {mark.name}, line {mark.line + 1}: {error.problem}; correct the yaml."
    if isinstance(error, ValueError) and str(error).startswith("Config group override must be"):
        return _null_group_message()
    if isinstance(error, ValueError) and (few := _VALIDATION_BEYOND.search(str(error))):
        return (
            f"Error: trainer.val_check_interval={few[1]} is more than the {few[2]} training batches of an epoch; give "
            f"trainer.val_check_interval={few[2]} or less, or trainer.check_val_every_n_epoch=null to count batches "
            "over all epochs."
        )
    if isinstance(error, OSError):
        return _cannot_write(error)
    if isinstance(error, RuntimeError) and (lost := _LOST_WORKER.search(str(error))):
        return (
            f"Error: a process that reads the data {lost[1]}; the system ends one where memory or shared memory runs "
            "out (set a smaller datamodule.num_workers), or where a file is cut short while it is read."
        )
    return None


def _cannot_write(error: OSError) -> str | None:
    if error.errno not in _CANNOT_WRITE:
        return None
    if error.errno in _FULL:
        # a full disk has said so before, where it kept the checkpoint or the log from being written
        for link in _chain(error):
            if isinstance(link, UserError):
                return f"Error: {link}"
    if error.errno in _FULL:
        named, advice = error.filename or _run_folder(), "free space"
    elif error.filename:
        named, advice = error.filename, "free the way"
    else:
        return None
    return (
        f"Error: {named}: {os.strerror(error.errno)}; {advice}, or choose another folder with paths.output=DIR or "
        "paths.store=DIR."
    )


def _run_folder() -> str:
    """Where a run writes: a disk that is full does not say by which file."""
    if not HydraConfig.initialized() or OmegaConf.is_missing(HydraConfig.get().runtime, "output_dir"):
        return "the output folder"
    return str(HydraConfig.get().runtime.output_dir)


def _chain(error: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def _config_message(error: BaseException) -> str:
    if isinstance(error, OverrideParseException):
        reason = str(error.__cause__ or error).splitlines()[0]
        return (
            f"Error: {error.override} cannot be read as KEY=VALUE: {reason}; quote it for the shell, e.g. 'KEY=[a,b]'."
        )
    texts = [str(link) for link in _chain(error)]
    whole = "\n".join(texts)
    if key := re.search(r"Key '([^']+)' is not in struct\s+full_key: (\S+)", whole):
        return f"Error: there is no config key {key[2]}; --cfg job shows every key and its value."
    if key := re.search(r"Key '([^']+)' not in 'RunConfig'", whole):
        return f"Error: there is no config key {key[1]}{_nearest_key(key[1])}; --cfg job shows every key and its value."
    if value := re.search(r"Value '(.*)' of type '\w+' could not be converted to (\w+)\s+full_key: (\S+)", whole):
        return f"Error: {value[3]} must be of type {value[2].lower()}, and {value[1]!r} is not; give {value[3]}=VALUE."
    if option := re.search(r"Could not (?:find|load) '([^']+)/([^'/]+)'", whole):
        group = CONF / option[1]
        options = ", ".join(sorted(str(path.relative_to(group).with_suffix("")) for path in group.rglob("[!_]*.yaml")))
        return f"Error: the config group {option[1]} has no option {option[2]!r}; it has {options}."
    if missing := re.search(r"Missing mandatory value: (\S+)|Interpolation key '([^']+)' not found", whole):
        return f"Error: the config needs a value for {missing[1] or missing[2]}; give {missing[1] or missing[2]}=VALUE."
    return "Error: " + " ".join(texts[0].split())


def _null_group_message() -> str:
    """Hydra does not say which of the words it was."""
    groups = [word.partition("=")[0] for word in sys.argv[1:] if word.endswith("=null")]
    name = next((name for name in groups if (CONF / name).is_dir()), "a config group")
    return f"Error: {name}=null: a config group cannot be null; choose an option, or ~{name} where the task needs none."


def _nearest_key(key: str) -> str:
    near = difflib.get_close_matches(key, RunConfig.__dataclass_fields__, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
