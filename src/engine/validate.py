"""Checks a composed config against the signatures of what it builds, before anything is built.

The constructor's signature is the schema: every key must be a parameter, every parameter without a default must be a
key, and every value must be of the annotated type.
"""

import difflib
import inspect
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from src.core.errors import UserError
from src.engine.recipes import given_name, is_deferred, is_recipe, wrapper_settings
from src.engine.targets import resolve_target
from src.engine.values import check_value

OURS = "src."
# Whose constructors are typed well enough to check the values of a config against.
TYPED = (OURS, "lightning.", "torch.")
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
HYDRA_KEYS = {"_target_", "_partial_", "_recursive_", "_convert_", "_args_"}


def validate(cfg: DictConfig, *, given: Mapping[str, frozenset[str]], keys: Sequence[str] | None = None) -> None:
    """Check the settings of every node of ``cfg`` that has a ``_target_``.

    Their names are checked where the constructor takes no ``**kwargs``, and their types where it is ours, Lightning's
    or torch's. ``given`` names, by the node's dotted key, the parameters that the engine passes itself. ``keys``: the
    top-level keys to check; None checks all.
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
        if key.split(".")[0] in keys and str(node["_target_"]).startswith(OURS):
            parameters = inspect.signature(resolve_target(node["_target_"])).parameters
            found += [(key, name) for name in _required(parameters, given.get(key, frozenset())) if name not in node]
    return found


def target_nodes(node: Any, key: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every node of the plain config ``node`` that has a ``_target_``, with its dotted key."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield key, node
        for name, child in node.items():
            yield from target_nodes(child, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from target_nodes(child, f"{key}[{index}]")


def _check_node(key: str, node: dict[str, Any], given: frozenset[str]) -> None:
    target = resolve_target(str(node["_target_"]))
    parameters = _parameters(target)
    if parameters is None:
        return
    values = {name: value for name, value in node.items() if name not in HYDRA_KEYS}
    wrapper: Mapping[str, Any] = {}
    if is_deferred(node, target):
        given |= {given_name(target) or ""}
        wrapper = wrapper_settings(key) if is_recipe(key, node) else {}
    own = [name for name in values if name not in wrapper]
    for name in unknown_settings(own, parameters, given):
        taken = [one for one, kind in parameters.items() if one not in given and kind.kind not in _VARIADIC]
        raise UserError(f"{key}.{name} is not a setting of {node['_target_']}; {_hint(name, [*taken, *wrapper])}")
    for name in () if "_args_" in node else _required(parameters, given):
        if name not in values:
            raise UserError(f"{key} lacks the setting {name} of {node['_target_']}; give +{key}.{name}=VALUE.")
    types = {**(_annotations(target) if str(node["_target_"]).startswith(TYPED) else {}), **wrapper}
    for name, value in values.items():
        if name in types and not builds_something(value) and not _is_placeholder(value):
            check_value(f"{key}.{name}", value, types[name])


def _hint(name: str, settings: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, settings, n=1)
    return f"did you mean {near[0]}?" if near else f"it takes {', '.join(settings) or 'no settings'}."


def unknown_settings(
    values: Iterable[str], parameters: Mapping[str, inspect.Parameter], given: frozenset[str]
) -> list[str]:
    """The names among ``values`` that no parameter takes, or that the engine passes itself."""
    by_name = {name for name, one in parameters.items() if one.kind not in _VARIADIC}
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        return [str(name) for name in values if name in given]
    return [str(name) for name in values if name in given or name not in by_name]


def _parameters(target: Any) -> Mapping[str, inspect.Parameter] | None:
    """The parameters of ``target``, or None where it has no signature, as some built-in functions have none."""
    try:
        return inspect.signature(target).parameters
    except (TypeError, ValueError):
        return None


def _annotations(target: Any) -> Mapping[str, Any]:
    """The types that ``target`` declares; none where they name what is not imported."""
    try:
        return typing.get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
    except (AttributeError, NameError, TypeError):
        return {}


def _is_placeholder(value: Any) -> bool:
    """Whether the value is filled in later, as ``$total_steps`` is."""
    return isinstance(value, str) and value.startswith("$")


def _required(parameters: Mapping[str, inspect.Parameter], given: frozenset[str]) -> list[str]:
    return [
        name
        for name, parameter in parameters.items()
        if name not in given and parameter.default is inspect.Parameter.empty and parameter.kind not in _VARIADIC
    ]


def builds_something(value: Any) -> bool:
    """Whether the value, or a part of it, is itself a node to instantiate, whose type only shows once it is built."""
    if isinstance(value, dict):
        return "_target_" in value or any(builds_something(child) for child in value.values())
    return isinstance(value, list) and any(builds_something(child) for child in value)
