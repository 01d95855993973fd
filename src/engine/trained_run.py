"""The config of the run that wrote a checkpoint. It may be somebody else's, so that it is data and nothing is built."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from src.core.checkpoint_file import CONFIG, PROVENANCE
from src.core.errors import UserError
from src.engine.provenance import with_references
from src.engine.say import CONF

_COMPARED = ("encoder", "model", "transform", "rules", "loss", "datamodule", "dataset")
_OF_THE_MACHINE = re.compile(r"\$\{(?:hydra|now):")
_RESOLVED_PATHS = ("raw", "store")
_ABOUT_DATA = re.compile(r"\+*((?:dataset\.|store\.|paths\.(?:raw|store|data)=).*)")


@dataclass(frozen=True, kw_only=True)
class TrainedRun:
    """``source``: the file that its config was read from. ``config``: plain values, in which references such as
    ``${transform.size}`` stand unless only the resolved config was there (``references``). ``choices``: the options of
    its config groups, as far as they are known. ``overrides``: what was typed for it.
    """

    source: Path
    config: Mapping[str, Any]
    references: bool
    choices: Mapping[str, Any]
    overrides: Sequence[str]

    @cached_property
    def root(self) -> DictConfig:
        """The config in which references are followed."""
        return OmegaConf.create(dict(self.config))

    def has(self, key: str) -> bool:
        """Whether the config has a value at the dotted ``key``."""
        return _raw(self.config, key) is not None

    def raw(self, key: str) -> Any:
        """The value at ``key`` with its references; None where there is none."""
        return _raw(self.config, key)

    def value(self, key: str) -> Any:
        """The value at ``key``, plain, with references followed; None where there is none.

        Raises UserError where a reference leads nowhere.
        """
        return followed(self.root, key, source=str(self.source))

    @property
    def dataset(self) -> str | None:
        """The name of the data set that it was trained on."""
        return self.choices.get("dataset")

    @property
    def losses(self) -> tuple[str, ...]:
        """The names of its losses."""
        return tuple(str(name) for name, node in (self.raw("loss") or {}).items() if node)

    @property
    def about_data(self) -> list[str]:
        """What was typed for it of its data set, its store and their folders."""
        return [found[1] for word in self.overrides if (found := _ABOUT_DATA.fullmatch(word))]


def read_trained_run(checkpoint: Path) -> TrainedRun | None:
    """The run that wrote ``checkpoint``; None where no config that can be read lies beside it."""
    source = checkpoint.with_name(CONFIG)
    resolved = _read(source)
    if resolved is None:
        return None
    provenance = _provenance(checkpoint.with_name(PROVENANCE))
    choices = dict(provenance["choices"]) if isinstance(provenance.get("choices"), dict) else {}
    if not isinstance(choices.get("dataset"), str):
        choices["dataset"] = _plain_name(resolved, "store.dataset")
    command = provenance.get("command")
    overrides = [str(word) for word in command[3:]] if isinstance(command, list) else []
    plain: Any = OmegaConf.to_container(resolved, resolve=False)
    composed = _composed(plain, provenance.get("references"))
    config = _without_machine(plain if composed is None else composed, choices, checkpoint)
    if composed is None:
        config = _with_paths(config)
    return TrainedRun(
        source=source, config=config, references=composed is not None, choices=choices, overrides=overrides
    )


def _composed(plain: Any, references: Any) -> Any:
    """The config with its references; None where they are not known, or lead elsewhere in a config that was edited."""
    if not isinstance(references, list) or not all(isinstance(one, list) and len(one) == 2 for one in references):
        return None
    own = [(path, text) for path, text in references if not _OF_THE_MACHINE.search(str(text))]
    composed = with_references(plain, own)
    root = OmegaConf.create(composed)
    try:
        edited = OmegaConf.create(plain)
        same = all(followed(root, key, source="") == followed(edited, key, source="") for key in _COMPARED)
    except UserError:
        return None
    return composed if same else None


def released_run() -> TrainedRun:
    """What a released MGCA checkpoint was trained with, as far as it bears on an evaluation and is the same for all."""
    source = CONF / "transform" / "published.yaml"
    config = {
        "rules": "published",
        "transform": plain_config(source),
        "datamodule": {"max_tokens": 112, "pad_to": "max_tokens"},
    }
    return TrainedRun(source=source, config=config, references=True, choices={"transform": "published"}, overrides=())


def followed(root: DictConfig, key: str, *, source: str) -> Any:
    """The value at the dotted ``key`` of ``root``, plain and with references followed; None where there is none.

    Raises UserError naming ``source`` where a reference leads nowhere.
    """
    try:
        node = OmegaConf.select(root, key)
        return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    except OmegaConfBaseException as error:
        raise UserError(f"{source}: {key} cannot be read ({str(error).splitlines()[0]}); correct that file.") from error


def plain_config(path: Path) -> dict[str, Any] | None:
    """The values of a config's file, references as they stand; None where it cannot be read."""
    found = _read(path)
    plain: Any = None if found is None else OmegaConf.to_container(found, resolve=False)
    return plain


def _read(path: Path) -> DictConfig | None:
    try:
        found = OmegaConf.load(path) if path.is_file() else None
    except (YAMLError, OSError, ValueError, OmegaConfBaseException):
        return None
    return found if isinstance(found, DictConfig) else None


def _provenance(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _plain_name(cfg: DictConfig, key: str) -> str | None:
    """A value that is a name and no reference."""
    name = _raw(OmegaConf.to_container(cfg, resolve=False), key)
    return name if isinstance(name, str) and "${" not in name else None


def _without_machine(plain: dict[str, Any], choices: Mapping[str, Any], checkpoint: Path) -> dict[str, Any]:
    """The values, with the run's own in the place of what Hydra knows of the process that composes."""
    if isinstance(plain.get("store"), dict):
        plain["store"] |= {
            "name": choices.get("store") or "default",
            "dataset": choices.get("dataset"),
            "overrides": [],
        }
    if isinstance(plain.get("paths"), dict):
        plain["paths"] |= {"run": str(checkpoint.parent.parent)}
    return dict(plain)


def _with_paths(plain: dict[str, Any]) -> dict[str, Any]:
    """References in the place of folders that lie elsewhere on another machine."""
    paths, store = plain.get("paths") or {}, plain.get("store")
    named = {paths[name]: f"${{paths.{name}}}" for name in _RESOLVED_PATHS if isinstance(paths.get(name), str)}

    def refer(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: refer(child) for name, child in node.items()}
        return named.get(node, node) if isinstance(node, str) else node

    for key in ("dataset", "store"):
        plain[key] = refer(plain.get(key))
    if isinstance(plain["dataset"], dict) and isinstance(store, dict) and "store" in plain["dataset"]:
        plain["dataset"]["store"] = "${store}"
    return plain


def _raw(node: Any, key: str) -> Any:
    for name in key.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return node
