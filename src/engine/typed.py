"""The settings that were typed for this run, as keys of its config."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser

from src.core.finished import is_below
from src.engine.say import CONF


@dataclass(frozen=True, kw_only=True)
class Typed:
    """One override. ``key``: of the config, dotted; ``option``: what was chosen of the config group ``key``, or None
    where ``key`` is set to a value.
    """

    key: str
    option: Any = None
    word: str

    def within(self, keys: Iterable[str]) -> bool:
        """Whether the key is one of ``keys`` or lies below one of them."""
        return any(is_below(self.key, key) for key in keys)


def typed_settings(words: Sequence[str]) -> list[Typed]:
    """The overrides ``words`` of a command without those that delete a key; the last one of a key counts."""
    found = {}
    for override in OverridesParser.create().parse_overrides(list(words)):
        name, value = override.key_or_group, override.value()
        group = "/" in name or (CONF / name).is_dir()
        if not override.is_delete():
            key = name.replace("/", ".")
            found[key] = Typed(key=key, option=value if group else None, word=str(override.input_line))
    return list(found.values())


def words_of_this_run() -> list[str]:
    """What was typed for this run; of a job of a sweep, what was typed for all jobs and what was swept."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []
