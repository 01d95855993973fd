"""Turns the exceptions that a user can cause into one message each."""

import difflib
import errno
import re
import sys
from pathlib import Path

from hydra.errors import HydraException, InstantiationException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError

from src.core.errors import UserError
from src.engine.schema import RunConfig
from src.engine.sweep_summary import JobFailedError, summary

_CANNOT_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.ENOSPC, errno.EDQUOT}
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
    if isinstance(error, OSError) and error.filename and error.errno in _CANNOT_WRITE:
        return (
            f"Error: {error.filename}: {error.strerror}; free the way, or choose another folder with "
            "paths.output=DIR or paths.store=DIR."
        )
    return None


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
