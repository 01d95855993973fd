"""Settings that a config of an older version lacks: they get the values that their options have today."""

from collections.abc import Iterable, Mapping
from typing import Any

from hydra import compose
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from src.engine.say import CONF
from src.engine.validate import missing_settings

_GROUPS = ("encoder/image", "encoder/text", "model", "transform", "dataset", "store", "prompts")


def fill_missing(
    cfg: DictConfig, choices: Mapping[str, Any], *, given: Mapping[str, frozenset[str]], keys: Iterable[str]
) -> list[str]:
    """Give each setting that a constructor below ``keys`` needs and ``cfg`` lacks the value of the option chosen.

    ``choices``: the options of the config groups. ``given``: see ``validate``. The settings are returned as
    ``key=value``; one that no option has is left missing.
    """
    missing = missing_settings(cfg, given=given, keys=tuple(keys))
    today = _composed(choices) if missing else None
    if today is None:
        return []
    filled = []
    for node, name in missing:
        ours, theirs = OmegaConf.select(today, node), OmegaConf.select(cfg, node)
        if not OmegaConf.is_dict(ours) or ours.get("_target_") != theirs.get("_target_") or name not in ours:
            continue
        raw: Any = OmegaConf.to_container(ours, resolve=False)
        OmegaConf.update(cfg, f"{node}.{name}", raw[name], merge=False, force_add=True)
        filled.append(f"{node}.{name}={raw[name]}")
    return filled


def _composed(choices: Mapping[str, Any]) -> DictConfig | None:
    """The config of today with the options that are still there."""
    words = [
        f"{group}={choices[group]}" for group in _GROUPS if (CONF / group / f"{choices.get(group)}.yaml").is_file()
    ]
    try:
        return compose("config", overrides=words)
    except HydraException:
        return None
