"""What a run that is resumed has otherwise than before: said, or refused where it could not go on so."""

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from src.core.checkpoint import read_checkpoint
from src.core.checkpoint_file import CONFIG
from src.core.errors import UserError
from src.core.finished import flatten, is_below, matters
from src.engine.build import build
from src.engine.resume_command import hydra_quoted
from src.engine.trained_run import plain_config

_log = logging.getLogger(__name__)
_REFERENCE = re.compile(r"\$\{(?:oc\.select:)?([\w.]+)")
_OF_THE_COMMAND = ("resume", "store.dataset", "store.overrides", "dataset.store")
_STRUCTURE = ("encoder", "model")
_NO_STRUCTURE = ("pretrained", "weights", "sync_batch_norm", "rules")
_OF_STATE = ("_target_", "decay_norms_and_biases", "amsgrad")
_TRAINED = ("frozen", "trained_blocks", "_target_")
_ANEW = (
    "leave it out, or start anew from the weights, in another folder, with checkpoint={checkpoint} resume=false "
    "hydra.run.dir=DIR."
)
_LISTED = 12


def check_resumed(cfg: DictConfig, checkpoint: Path, reads: Iterable[str], *, say: bool) -> None:
    """Hold the config against the one that ``checkpoint`` was written with, before that one is written over.

    ``reads``: the keys that this run's task reads; others do not count. ``say``: whether this process warns of what
    differs. Raises UserError where the run cannot go on, or would not use what was asked for.
    """
    state = read_checkpoint(checkpoint, mapped=True)
    if "optimizer_states" not in state:
        raise UserError(
            f"resume={checkpoint} holds weights alone, and not the state of a training that can go on; to start from "
            f"these weights give checkpoint={checkpoint}."
        )
    before = plain_config(checkpoint.with_name(CONFIG))
    if before is None:
        return
    changes = {key: pair for key, pair in resume_changes(before, cfg).items() if any(_touch(key, one) for one in reads)}
    _refuse(changes, before, cfg, checkpoint)
    _refuse_other_learned_losses(changes, before, cfg, state, checkpoint)
    if changes and say:
        _log.warning("%s is resumed with other settings: %s.", checkpoint, ", ".join(_lines(changes)))


def resume_changes(before: Mapping[str, Any], cfg: DictConfig) -> dict[str, tuple[Any, Any]]:
    """Dotted keys with their values before and now; of a value that follows another one, that other one alone.

    ``before``: with references followed. Keys that it lacks, of an older version, do not count.
    """
    raw = flatten(OmegaConf.to_container(cfg, resolve=False))
    now: Any = OmegaConf.to_container(cfg, resolve=True)
    old, new = flatten(before), flatten(now)
    changes: dict[str, tuple[Any, Any]] = {}
    losses = [[name for name, node in (config.get("loss") or {}).items() if node] for config in (before, now)]
    if losses[0] != losses[1]:
        changes["loss"] = losses[0], losses[1]
    for key in old:
        lost = key.startswith("loss.") and key.split(".")[1] not in losses[1]
        counts = matters(key) and not lost and not any(is_below(key, one) for one in _OF_THE_COMMAND)
        if counts and old[key] != new.get(key):
            changes[key] = old[key], new.get(key)
    return {key: pair for key, pair in changes.items() if not _follows(key, raw, changes)}


def _follows(key: str, raw: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    """Whether another change explains this one: of the value that it refers to, or of the class around it.

    What refers to a place, such as the run's own folder, is a place too.
    """
    parts = key.split(".")
    prefixes = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    targets = [f"{prefix}._target_" for prefix in prefixes]
    if any(target in changes and target != key for target in targets):
        return True
    texts = [str(raw[prefix]) for prefix in prefixes if prefix in raw]
    referred = [reference for text in texts for reference in _REFERENCE.findall(text)]
    if any(not matters(reference) for reference in referred):
        return True
    return any(is_below(other, reference) for reference in referred for other in changes if other != key)


def _touch(key: str, read: str) -> bool:
    return is_below(key, read) or is_below(read, key)


def _refuse(
    changes: Mapping[str, tuple[Any, Any]], before: Mapping[str, Any], cfg: DictConfig, checkpoint: Path
) -> None:
    task = (before.get("task") or {}).get("_target_")
    if task is not None and task != cfg.task._target_:
        raise UserError(
            f"resume={checkpoint} is a checkpoint of task={task.rpartition('.')[2]}, and this run is of "
            f"task={cfg.task._target_.rpartition('.')[2]}; give checkpoint={checkpoint} to start from its weights."
        )
    structure = {
        key: pair
        for key, pair in changes.items()
        if key.split(".")[0] in _STRUCTURE and key.rpartition(".")[2] not in _NO_STRUCTURE
    }
    if structure:
        raise UserError(
            f"resume={checkpoint} was trained with another model ({', '.join(_lines(structure))}), and cannot go on "
            "with this one; give the settings that it was started with, or start anew without resume."
        )
    kept = {key: pair for key, pair in changes.items() if _needs_other_state(key)}
    if kept:
        raise UserError(
            f"resume={checkpoint} goes on with the state of its optimizer, which does not fit "
            f"{', '.join(_lines(kept))}; {_ANEW.format(checkpoint=hydra_quoted(checkpoint))}"
        )


def _needs_other_state(key: str) -> bool:
    """Whether the setting decides which values an optimizer keeps, and in which order."""
    *groups, name = key.split(".")
    return ("optimizer" in groups and name in _OF_STATE) or (groups[:1] in (["probe"], ["tuning"]) and name in _TRAINED)


def _refuse_other_learned_losses(
    changes: Mapping[str, tuple[Any, Any]], before: Mapping[str, Any], cfg: DictConfig, state: Any, checkpoint: Path
) -> None:
    """Refuse settings of losses from which learned parameters start: those of the checkpoint would take their place."""
    named = {key: pair for key, pair in changes.items() if key.split(".")[0] in ("loss", "num_prototypes")}
    if not named:
        return
    now: Any = OmegaConf.to_container(cfg.loss, resolve=True)
    old, new = ({name: node for name, node in losses.items() if node} for losses in (before["loss"], now))
    # a config beside a checkpoint may name any class: only those of this run are built
    both = [name for name in old if name in new and old[name].get("_target_") == new[name].get("_target_")]
    gone = {part for key in state["state_dict"] if key.startswith("loss.") for part in key.split(".")} & set(old)
    fits = not (gone - set(both)) and not any(_learned(name, new[name]) for name in new if name not in both)
    if not fits or any(not _equal(_learned(name, old[name]), _learned(name, new[name])) for name in both):
        raise UserError(
            f"resume={checkpoint} goes on with the losses' learned parameters, which do not fit "
            f"{', '.join(_lines(named))}; {_ANEW.format(checkpoint=hydra_quoted(checkpoint))}"
        )


def _learned(name: str, node: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The parameters of a loss before the first step, by a seed of their own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return dict(build(OmegaConf.create({"loss": {name: dict(node)}}), f"loss.{name}").state_dict())


def _equal(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _lines(changes: Mapping[str, tuple[Any, Any]]) -> list[str]:
    lines = [f"{key}={_text(old)} -> {_text(new)}" for key, (old, new) in changes.items()]
    return lines[:_LISTED] + ([f"and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else [])


def _text(value: Any) -> str:
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)
