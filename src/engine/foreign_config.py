"""What may be built of a config that somebody else may have written: what this project's own options build.

A ``_target_`` is a function that is called with the values beside it, so that one of any name could run anything.
"""

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig

from src.core.errors import UserError
from src.engine.say import CONF

_TARGET = re.compile(r"_target_:\s*[\"']?([\w.]+)")
_RESOLVER = re.compile(r"\$\{\s*([\w.]+)\s*:")
_ALLOWED_RESOLVERS = {"oc.select"}
_ALLOWED_TEXTS = {"${oc.env:MGCA_DATA,data}"}
_LIBRARY = re.compile(r"albumentations\.[A-Z]\w*")


def refuse_foreign(node: Any, key: str, *, source: Path, own: Any = None) -> None:
    """Raise UserError for a ``_target_`` at or below ``key`` that no option of the config group names, and for a value
    that asks the environment.

    ``source``: the file that ``node`` is from. ``own``: the same node as the user's own command composes it, whose
    targets pass. Albumentations' transforms pass in ``transform``.
    """
    group = key.partition(".")[0]
    known = _known_targets(group) | {target for _, target in _targets(own, key)}
    for place, target in _targets(node, key):
        if target not in known and not (group == "transform" and _is_transform(target)):
            raise UserError(
                f"{source}: {place} names {target}, which no option of conf/{group} names, so that it is not built; "
                f"where you trust it, give it a yaml in conf/{group}."
            )
    for place, text in _texts(node, key):
        if text not in _ALLOWED_TEXTS and any(name not in _ALLOWED_RESOLVERS for name in _RESOLVER.findall(text)):
            raise UserError(f"{source}: {place} asks for {text}, which is not followed; write the value there.")


def _known_targets(group: str) -> set[str]:
    folders = [CONF]
    if HydraConfig.initialized():
        sources = HydraConfig.get().runtime.config_sources
        folders += [Path(source.path) for source in sources if source.provider == "command-line"]
    files = [path for folder in folders for path in (folder / group).rglob("*.yaml")]
    return {target for path in files for target in _TARGET.findall(path.read_text(encoding="utf-8"))}


def _is_transform(target: str) -> bool:
    if not _LIBRARY.fullmatch(target):
        return False
    library = importlib.import_module("albumentations")
    kind = getattr(library, target.partition(".")[2], None)
    return isinstance(kind, type) and issubclass(kind, library.BasicTransform)


def _targets(node: Any, key: str) -> Iterator[tuple[str, str]]:
    for place, value in _leaves(node, key):
        if place.rpartition(".")[2] == "_target_":
            yield place.rpartition(".")[0], str(value)


def _texts(node: Any, key: str) -> Iterable[tuple[str, str]]:
    return ((place, value) for place, value in _leaves(node, key) if isinstance(value, str))


def _leaves(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for name, child in node.items():
            yield from _leaves(child, f"{key}.{name}")
    elif isinstance(node, list | tuple):
        for index, child in enumerate(node):
            yield from _leaves(child, f"{key}[{index}]")
    else:
        yield key, node
