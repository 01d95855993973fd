"""Optimizers and schedulers that their yaml names directly (``torch.optim.SGD``), turned into what a task calls.

Their constructors need parameters or an optimizer, which exist only once the model is built. So the node is built as a
partial and handed to ``TorchOptimizer`` or ``TorchScheduler``.
"""

import inspect
import sys
from collections.abc import Mapping
from typing import Any, get_type_hints

from src.engine.targets import resolve_target

WRAPPERS: Mapping[str, str] = {
    "optimizer": "src.engine.optimizers.TorchOptimizer",
    "scheduler": "src.engine.schedulers.TorchScheduler",
}
"""The class that makes a recipe, by the last name of the config key."""
_GIVEN = ("params", "optimizer")
_OF_THE_WRAPPER = ("factory", "key", "return")


def is_deferred(node: Mapping[str, Any], target: Any) -> bool:
    """Whether the node is built as a partial: it says so, or ``target`` is one of torch's optimizers or schedulers."""
    if node.get("_partial_"):
        return True
    if not inspect.isclass(target) or "torch" not in sys.modules:
        return False
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    return issubclass(target, Optimizer | LRScheduler)


def is_recipe(key: str, node: Any) -> bool:
    """Whether ``node`` at the dotted ``key`` is an optimizer or a scheduler that needs a wrapper."""
    if not (isinstance(node, dict) and "_target_" in node and _role(key) in WRAPPERS):
        return False
    return is_deferred(node, resolve_target(str(node["_target_"])))


def wrapper_settings(key: str) -> dict[str, Any]:
    """The keys, with their types, that a node at ``key`` may have for its wrapper beside its own constructor's."""
    types = get_type_hints(resolve_target(WRAPPERS[_role(key)]).__init__)
    return {name: kind for name, kind in types.items() if name not in _OF_THE_WRAPPER}


def given_name(target: Any) -> str | None:
    """The parameter of a deferred ``target`` that is known only later: ``params``, ``optimizer``, or its first one."""
    parameters = inspect.signature(target).parameters
    return next((name for name in _GIVEN if name in parameters), next(iter(parameters), None))


def with_recipes(node: Any, key: str) -> Any:
    """A copy of the plain ``node`` in which every optimizer and scheduler has its wrapper."""
    if isinstance(node, list):
        return [with_recipes(child, f"{key}[{index}]") for index, child in enumerate(node)]
    if not isinstance(node, dict):
        return node
    if not is_recipe(key, node):
        return {name: with_recipes(child, f"{key}.{name}") for name, child in node.items()}
    own = wrapper_settings(key)
    factory = {name: _deferred(child) for name, child in node.items() if name not in own}
    settings = {name: value for name, value in node.items() if name in own}
    return {"_target_": WRAPPERS[_role(key)], "key": key, "factory": {**factory, "_partial_": True}, **settings}


def _deferred(node: Any) -> Any:
    """Schedulers inside a scheduler are partials too."""
    if isinstance(node, list):
        return [_deferred(child) for child in node]
    if isinstance(node, dict) and "_target_" in node and is_deferred(node, resolve_target(str(node["_target_"]))):
        return {**{name: _deferred(child) for name, child in node.items()}, "_partial_": True}
    return node


def _role(key: str) -> str:
    return key.rpartition(".")[2]
