"""Finds what a ``_target_`` of the config names."""

import importlib
from typing import Any

from src.core.errors import UserError


def resolve_target(path: str) -> Any:
    """The class or function that a ``_target_`` names; UserError where there is none."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        found = _nested(path)
        if found is not None:
            return found
        raise UserError(
            f"_target_ {path} cannot be imported ({error}); correct it in the yaml that names it."
        ) from error


def _nested(path: str) -> Any:
    """A method or a class inside a class, e.g. ``package.module.Class.create``; None where there is none."""
    outer, _, name = path.rpartition(".")
    module, _, class_name = outer.rpartition(".")
    try:
        return getattr(getattr(importlib.import_module(module), class_name), name)
    except (ImportError, AttributeError, ValueError):
        return None
