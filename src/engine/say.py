"""Turns the exceptions that a user can cause into one message each."""

import difflib
import errno
import os
import re
import sys
import traceback
from collections.abc import Collection, Iterator
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError

from src.core.errors import UserError
from src.engine.quoting import for_shell
from src.engine.schema import RunConfig
from src.engine.signature import signature_of
from src.engine.sweep_summary import JobFailedError, summary

# EFBIG: a quota of its own for the size of a file
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CANNOT_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, *_FULL}
_LOST_WORKER = re.compile(r"DataLoader worker \(pid\S* [\d, ]+\) (is killed by signal: [\w ]+|exited unexpectedly)")
_LISTED = 10
_NO_METRIC = re.compile(r"Early stopping conditioned on metric `([^`]*)` which is not available")
_NO_MONITOR = re.compile(r"ModelCheckpoint\(monitor.'([^']*)'\)` could not find the monitored key[^\[]*\[([^\]]*)\]")
_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory|Storage size calculation overflowed", re.I)
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
    if isinstance(error, MemoryError | RuntimeError) and (memory := _no_memory(error)):
        return memory
    if metric := _NO_METRIC.search(str(error)):
        known = re.findall(r"`([^`]+)`", str(error).partition("following: ")[2])
        return _not_measured("callbacks.early_stopping.monitor", metric[1], known)
    if metric := _NO_MONITOR.search(str(error)):
        return _not_measured("callbacks.checkpoint.monitor", metric[1], re.findall(r"'([^']+)'", metric[2]))
    if (setting := _refused_by_lightning(error)) is not None:
        return setting
    if isinstance(error, OSError):
        return _cannot_write(error)
    if isinstance(error, RuntimeError) and (lost := _LOST_WORKER.search(str(error))):
        return (
            f"Error: a process that reads the data {lost[1]}; the system ends one where memory or shared memory runs "
            "out (set a smaller datamodule.num_workers), or where a file is cut short while it is read."
        )
    return None


def _not_measured(key: str, metric: str, known: Collection[str]) -> str:
    if metric == "val/loss":
        return (
            f"Error: no validation came before {key}={metric} was asked for; give a larger trainer.max_steps, or "
            "validate sooner with trainer.val_check_interval=1."
        )
    listed = f" (it measures {', '.join(sorted(known))})" if known else ""
    return f"Error: {key}={metric} is no metric of this run{listed}; give {key}=val/loss."


def _refused_by_lightning(error: BaseException) -> str | None:
    """A setting of the trainer that Lightning refuses only once it knows the data, by the name in its message."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or "/lightning/" not in frames[-1].filename or not isinstance(error, Exception):
        return None
    signature = signature_of("lightning.Trainer")
    known = () if signature is None else signature.parameters
    named = [name for name in re.findall(r"[a-z_]+", str(error)) if "_" in name and name in known]
    if not named:
        return None
    # what Lightning advises beyond its first sentence does not always work here
    reason = " ".join(str(error).replace("`", "").split()).partition(". ")[0].rstrip(".!")
    return f"Error: trainer.{named[0]} cannot be used with this data: {reason}; give trainer.{named[0]}=VALUE."


def _no_memory(error: BaseException) -> str | None:
    if not isinstance(error, MemoryError) and not _MEMORY.search(str(error)):
        return None
    return (
        "Error: there is not enough memory for this run; set a smaller datamodule.batch_size (or probe.batch_size, "
        "tuning.batch_size), a smaller transform.size, or a smaller encoder."
    )


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
    texts = [str(link) for link in _chain(error)]
    whole = "\n".join(texts)
    if key := re.search(r"Key '([^']+)' (?:is not in struct\s+full_key: (\S+)|not in 'RunConfig')", whole):
        return _unknown_key(key[2] or key[1])
    if key := re.search(r"Could not override '([^']+)'", whole):
        return _unknown_key(key[1])
    if key := re.search(r"Could not append to config\. An item is already at '([^']+)'", whole):
        word = next((one for one in sys.argv[1:] if one.startswith(f"+{key[1]}=")), f"+{key[1]}=VALUE")
        return f"Error: {word}: the config has {key[1]} already; give {for_shell(word.lstrip('+'))}."
    if key := re.search(r"Could not append|Multiple values for ([\w/]+)\.", whole):
        word = next((one for one in sys.argv[1:] if one.startswith(f"+{key[1]}=")), f"+{key[1]}=OPTION")
        return f"Error: {word}: the config has an option of {key[1]} already; give {for_shell(word.lstrip('+'))}."
    if "Could not delete" in whole:
        word = next(
            (one for one in sys.argv[1:] if one.startswith("~") and one.strip("~").split("=")[0] in whole), "~KEY"
        )
        return f"Error: {word}: the config has nothing of this name and value to delete; leave it out."
    if value := re.search(r"Value '(.*)' of type '\w+' could not be converted to (\w+)\s+full_key: (\S+)", whole):
        if value[1] == "{}":
            return f"Error: {value[3]} is one value without settings below it; give {value[3]}=VALUE."
        return f"Error: {value[3]} must be of type {value[2].lower()}, and {value[1]!r} is not; give {value[3]}=VALUE."
    if option := re.search(r"Could not (?:find|load) '([^']+)/([^'/]*)'", whole):
        return _unknown_option(f"{option[1]}/{option[2]}", whole)
    if missing := re.search(r"Missing mandatory value: (\S+)|Interpolation key '([^']+)' not found", whole):
        return f"Error: the config needs a value for {missing[1] or missing[2]}; give {missing[1] or missing[2]}=VALUE."
    if primary := re.search(r"Cannot find primary config '([^']*)'", whole):
        return f"Error: there is no config {primary[1]!r} in {CONF}; leave out --config-name."
    if folder := re.search(r"Additional config directory '(.*)' not found", whole):
        return f"Error: --config-dir {folder[1]}: there is no such folder; correct the path."
    return "Error: " + " ".join(texts[0].split())


def _unknown_key(key: str) -> str:
    return f"Error: there is no config key {key}{_nearest_key(key)}; --cfg job shows every key and its value."


def options_of(group: str) -> list[str]:
    """The options of a config group of ``conf``."""
    folder = CONF / group
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("[!_]*.yaml"))


def _unknown_option(path: str, whole: str) -> str:
    """``path``: the group and the option; the group is the first folder that holds options itself."""
    parts = path.split("/")
    depth = next((n for n in range(1, len(parts)) if any((CONF / "/".join(parts[:n])).glob("*.yaml"))), len(parts) - 1)
    group, option = "/".join(parts[:depth]), "/".join(parts[depth:])
    options = options_of(group)
    if not options and (listed := re.search(r"Available options in '[^']*':\s+((?:\t.*\n?)+)", whole)):
        options = listed[1].split()
    near = difflib.get_close_matches(option, options, n=2, cutoff=0.5)
    hint = f" (did you mean {' or '.join(near)}?)" if near else ""
    return f"Error: the config group {group} has no option {option!r}{hint}; it has {', '.join(options)}."


def _null_group_message() -> str:
    """Hydra does not say which of the words it was."""
    groups = [word.partition("=")[0] for word in sys.argv[1:] if word.endswith("=null")]
    name = next((name for name in groups if (CONF / name).is_dir()), "a config group")
    return f"Error: {name}=null: a config group cannot be null; choose an option, or ~{name} where the task needs none."


def _nearest_key(key: str) -> str:
    plain = composed_config(of_hydra=key.startswith("hydra."))
    keys = list(_keys_below(plain, "")) or list(RunConfig.__dataclass_fields__)
    parent, _, name = key.rpartition(".")
    beside = {one.rpartition(".")[2]: one for one in keys if one.rpartition(".")[0] == parent}
    options = options_of(parent) if parent else []
    if having := [option for option in options if name in _own_keys(CONF / parent / f"{option}.yaml")]:
        return f" ({' and '.join(f'{parent}={option}' for option in having[:4])} {'have' if having[1:] else 'has'} it)"
    if near := difflib.get_close_matches(name.lower(), beside, n=1):
        return f" (did you mean {beside[near[0]]}?)"
    alike = [one for one in keys if one.partition(".")[0] == key.partition(".")[0]]
    found = difflib.get_close_matches(key, alike, n=1, cutoff=0.8)
    leaves = [one for one in keys if not any(other.startswith(f"{one}.") for other in keys)]
    found = found or [one for one in leaves if one.rpartition(".")[2] == name][:2]
    if found:
        return f" (did you mean {' or '.join(found)}?)"
    settings = [one for one in beside if not one.startswith("_")][:_LISTED]
    return f" ({parent} has {', '.join(settings)})" if parent and settings else ""


def composed_config(*, of_hydra: bool = False) -> object:
    """The plain config that the command's options of groups make; empty where they make none."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    words = [word for word in sys.argv[1:] if (CONF / word.partition("=")[0].lstrip("+")).is_dir()]
    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="schema", node=RunConfig)
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = compose("config", overrides=words, return_hydra_config=of_hydra)
    except (HydraException, OmegaConfBaseException, ValueError):
        return {}
    return OmegaConf.to_container(cfg, resolve=False)


def _own_keys(path: Path) -> Collection[str]:
    found = OmegaConf.load(path)
    return [str(name) for name in found] if isinstance(found, DictConfig) else []


def _keys_below(node: object, above: str) -> Iterator[str]:
    for name, child in node.items() if isinstance(node, dict) else ():
        yield f"{above}{name}"
        yield from _keys_below(child, f"{above}{name}.")
