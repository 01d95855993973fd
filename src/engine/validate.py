"""Checks a composed config against the signatures of what it builds, before anything is built.

The constructor's signature is the schema: every key must be a parameter, every parameter without a default must be a
key, and every value must be of the annotated type.
"""

import difflib
import importlib
import inspect
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from src.core.errors import UserError
from src.engine.values import check_value

OURS = "src."
# Whose constructors are typed well enough to check a config against.
CHECKED = (OURS, "lightning.")
HYDRA_KEYS = {"_target_", "_partial_", "_recursive_", "_convert_", "_args_"}


def validate(cfg: DictConfig, *, given: Mapping[str, frozenset[str]], keys: Sequence[str] | None = None) -> None:
    """Check every node of ``cfg`` whose ``_target_`` is ours or Lightning's.

    ``given`` names, by the node's dotted key, the parameters that the engine passes itself. ``keys``: the top-level
    keys to check; None checks all.
    Raises UserError naming the first key that is unknown, missing or of the wrong type.
    """
    for key, node in target_nodes(OmegaConf.to_container(cfg, resolve=True)):
        if keys is None or key.split(".")[0] in keys:
            _check_node(key, node, given.get(key, frozenset()))


def missing_settings(
    cfg: DictConfig, *, given: Mapping[str, frozenset[str]], keys: Sequence[str]
) -> list[tuple[str, str]]:
    """The parameters without a default that nodes of ``cfg`` lack, each with its node's dotted key."""
    found = []
    for key, node in target_nodes(OmegaConf.to_container(cfg, resolve=True)):
        if key.split(".")[0] in keys:
            parameters = inspect.signature(resolve_target(node["_target_"])).parameters
            found += [(key, name) for name in _required(parameters, given.get(key, frozenset())) if name not in node]
    return found


def resolve_target(path: str) -> Any:
    """The class or function that a ``_target_`` names; UserError where there is none."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"_target_ {path} cannot be imported ({error}); correct it in the yaml that names it."
        ) from error


def target_nodes(node: Any, key: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every node of the plain config ``node`` that is checked, with its dotted key."""
    if isinstance(node, dict):
        if str(node.get("_target_", "")).startswith(CHECKED):
            yield key, node
        for name, child in node.items():
            yield from target_nodes(child, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from target_nodes(child, f"{key}[{index}]")


def _check_node(key: str, node: dict[str, Any], given: frozenset[str]) -> None:
    target = resolve_target(node["_target_"])
    parameters = inspect.signature(target).parameters
    annotations = typing.get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
    values = {name: value for name, value in node.items() if name not in HYDRA_KEYS}
    for name in values:
        if name not in parameters or name in given:
            near = difflib.get_close_matches(str(name), parameters, n=1)
            hint = (
                f"did you mean {near[0]}?" if near else f"it takes {', '.join(p for p in parameters if p not in given)}"
            )
            raise UserError(f"{key}.{name} is not a setting of {node['_target_']}; {hint}")
    for name in _required(parameters, given):
        if name not in values:
            raise UserError(f"{key} lacks the setting {name} of {node['_target_']}; give +{key}.{name}=VALUE.")
    for name, value in values.items():
        if not builds_something(value):
            check_value(f"{key}.{name}", value, annotations[name])


def _required(parameters: Mapping[str, inspect.Parameter], given: frozenset[str]) -> list[str]:
    return [
        name
        for name, parameter in parameters.items()
        if name not in given and parameter.default is inspect.Parameter.empty
    ]


def builds_something(value: Any) -> bool:
    """Whether the value, or a part of it, is itself a node to instantiate, whose type only shows once it is built."""
    if isinstance(value, dict):
        return "_target_" in value or any(builds_something(child) for child in value.values())
    return isinstance(value, list) and any(builds_something(child) for child in value)
