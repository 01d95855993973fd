"""Checks one value of the config against a type, and says what to type in its place."""

import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from src.core.errors import UserError
from src.core.finished import is_below
from src.engine.quoting import as_typed, for_shell, requoted
from src.engine.typed import typed_settings, words_of_this_run

_SCALARS = (bool, int, float, str)


def check_value(key: str, value: Any, annotation: Any) -> None:
    """Raise UserError naming ``key`` where ``value`` is not what ``annotation`` says.

    Numbers are finite. A value counts as the type that it has: the constructor gets it as it is, so that the text "no"
    is no boolean and 8.0 no integer.
    """
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    if isinstance(value, str) and typing.get_origin(annotation) is Sequence:
        raise UserError(f"{key}={value} is not valid: it must be a list; give {for_shell(f'{key}=[{value}]')}.")
    adapter = TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False))
    try:
        result = adapter.validate_python(value, strict=False)
    except ValidationError as error:
        found = error.errors()
        raise UserError(_sentence(key, value, found)) from error
    other = _other_type(value, result)
    if other is not None:
        kind = {bool: "true or false", int: "an integer", float: "a number"}[other]
        raise UserError(f"{key}={as_typed(value)} is not valid: it must be {kind}; give {key}=VALUE.")


def _other_type(value: Any, result: Any) -> type | None:
    """The scalar type that pydantic has turned a part of ``value`` into, where that part is of another type."""
    if isinstance(value, Mapping) and isinstance(result, Mapping):
        pairs = [(one, result[name]) for name, one in value.items() if name in result]
    elif isinstance(value, list) and isinstance(result, Sequence) and not isinstance(result, str):
        pairs = list(zip(value, result, strict=False))
    else:
        scalars = type(value) in _SCALARS and type(result) in (bool, int, float)
        widened = type(value) is int and type(result) is float
        return type(result) if scalars and type(value) is not type(result) and not widened else None
    return next((other for one, made in pairs if (other := _other_type(one, made)) is not None), None)


def _sentence(key: str, value: Any, found: Sequence[Mapping[str, Any]]) -> str:
    inner, part = _located(key, value, found[0]["loc"])
    words = (f"must be {'null' if error['type'] == 'none_required' else _reason(str(error['msg']))}" for error in found)
    reasons = list(dict.fromkeys(words))
    if any(error["type"] == "string_type" for error in found) and isinstance(part, bool | int | float):
        return f"{inner}={as_typed(part)} is not valid: it must be text; give {_quoted_advice(key, value)}."
    return f"{inner}={as_typed(part)} is not valid: it {' or '.join(reasons)}; give {key}=VALUE."


def _reason(message: str) -> str:
    """Pydantic's reason as the end of "must be ..."."""
    message = message.split(", unable to parse")[0].split(", got a number")[0]
    message = message.removeprefix("Value error, ")
    message = re.sub(r"^(Input|List|Value|String) should (be )?", lambda found: "" if found[2] else "SHOULD ", message)
    return message.replace("SHOULD ", "such that it should ") if message.startswith("SHOULD") else message


def _located(key: str, value: Any, place: Sequence[Any]) -> tuple[str, Any]:
    """The dotted key and the value of the part of ``value`` at pydantic's ``place``."""
    for step in place:
        if isinstance(value, Mapping) and step in value:
            key, value = f"{key}.{step}", value[step]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            key, value = f"{key}[{step}]", value[step]
    return key, value


def _quoted_advice(key: str, value: Any) -> str:
    """The word to type for the same value as text: what was typed with quotes, or else the value with quotes."""
    words = words_of_this_run()
    typed = [one for one in typed_settings(words) if is_below(one.key, key) or is_below(key, one.key)]
    word = typed[-1].word if typed else f"{key}={as_typed(value)}"
    return requoted(word)
