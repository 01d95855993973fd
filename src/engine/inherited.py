"""Leaves out settings of an experiment that belong to another option than the one that was typed."""

import inspect
import logging
from collections.abc import Sequence
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf, open_dict

from src.core.finished import is_below
from src.engine.recipes import is_recipe, wrapper_settings
from src.engine.signature import signature_of
from src.engine.targets import resolve_target
from src.engine.typed import Typed
from src.engine.validate import OURS, unknown_settings

_log = logging.getLogger(__name__)


def leave_out_inherited(cfg: DictConfig, typed: Sequence[Typed], *, say: bool) -> None:
    """Remove from ``cfg`` what an experiment sets of a config group whose option was typed, and that option lacks.

    ``+experiment=demo scheduler=constant``: the experiment's ``scheduler.warmup_fraction`` is of ``warmup_cosine``.
    A key of the option's own yaml, and one that was typed itself, stay: they may be misspelt. ``say``: whether this
    process reports what is left out.
    """
    for one in typed:
        node: Any = OmegaConf.select(cfg, one.key) if isinstance(one.option, str) else None
        if not isinstance(node, DictConfig) or "_target_" not in node:
            continue
        named = {other.key for other in typed if is_below(other.key, one.key) and other.key != one.key}
        foreign = [name for name in _unknown(one.key, node) if f"{one.key}.{name}" not in named]
        if not foreign:
            continue
        own = OmegaConf.select(compose("config", overrides=[one.word]), one.key)
        for name in (name for name in foreign if name not in own):
            if say:
                _log.info("%s.%s is left out: %s does not take it.", one.key, name, one.word)
            with open_dict(node):
                del node[name]


def _unknown(key: str, node: DictConfig) -> list[str]:
    path = str(node["_target_"])
    names = [str(name) for name in node if not str(name).startswith("_")]
    signature = signature_of(path) if path.startswith((OURS, "lightning.")) and not node.get("_partial_") else None
    if signature is not None:
        return [] if signature.takes_any else [name for name in names if name not in signature.parameters]
    from src.core.torchvision_ops import ensure_torchvision

    ensure_torchvision()
    if is_recipe(key, OmegaConf.to_container(node, resolve=False)):
        names = [name for name in names if name not in wrapper_settings(key)]
    return unknown_settings(names, inspect.signature(resolve_target(path)).parameters, frozenset())
