"""Quotes that both Hydra and a shell read as the text inside, checked with Hydra's own parser."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, Sweep
from hydra.errors import HydraException

from src.core.override import in_quotes

_WORD = re.compile(r"(?P<key>(?:\+\+|\+)?[\w./@-]+)=(?P<value>.*)", re.DOTALL)
_HOME = re.compile(r"~[\w.-]*(?:/|$)")


def parsed(word: str) -> Override | None:
    """What Hydra reads in one word of the command; None where it cannot read it."""
    try:
        return OverridesParser.create().parse_override(word)
    except (HydraException, ValueError):
        return None


def readable_word(word: str) -> str:
    """``word`` as Hydra can read it: a path or a text that Hydra cannot read without quotes gets them, and ``~/`` is
    expanded. Returns ``word`` itself where Hydra reads it, or where its meaning is not clear.
    """
    found = _WORD.fullmatch(word)
    if found is None:
        return word
    key, value = found["key"], found["value"]
    home = _HOME.match(value)
    if home and (expanded := _expanded(value)) != value:
        return quoted_text(f"{key}={expanded}") or word
    override = parsed(word)
    if override is not None:
        text = override.value()
        is_home = isinstance(text, str) and _HOME.match(text)
        return (quoted_text(f"{key}={_expanded(str(text))}") or word) if is_home else word
    if not value.strip() or "${" in value or re.search(r"\s[\w./]+=", value):
        return word
    if value.startswith("["):
        return quoted_list(word, only_unreadable=True) or word
    return word if value[0] in "{'\"" else quoted_text(word) or word


def requoted(word: str) -> str:
    """``word`` with its value, or each element of its list, as text, quoted for Hydra and for a shell."""
    return for_shell(quoted_list(word) or quoted_text(word) or word)


def quoted_text(word: str) -> str | None:
    """``KEY=VALUE`` as ``KEY="VALUE"``, which Hydra reads as the very text; None where it does not."""
    found = _WORD.fullmatch(word)
    if found is None or found["value"].startswith(("[", "{")):
        return None
    quoted = f"{found['key']}={in_quotes(found['value'])}"
    override = parsed(quoted)
    return quoted if override is not None and override.value() == found["value"] else None


def quoted_list(word: str, *, only_unreadable: bool = False) -> str | None:
    """``KEY=[a,1]`` as ``KEY=["a","1"]``; None where it is no plain list. ``only_unreadable``: quote only elements that
    Hydra cannot read.
    """
    found = re.fullmatch(r"(?P<key>(?:\+\+|\+)?[\w./@-]+)=\[(?P<inside>[^\[\]{}]*)\]", word)
    if found is None or not found["inside"].strip():
        return None
    texts = [text.strip() for text in found["inside"].split(",")]
    elements = [
        text if _is_quoted(text) or (only_unreadable and parsed(f"x=[{text}]") is not None) else in_quotes(text)
        for text in texts
    ]
    quoted = f"{found['key']}=[{','.join(elements)}]"
    return quoted if parsed(quoted) is not None else None


def for_shell(word: str) -> str:
    """``word`` so that a shell hands it on unchanged."""
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word, re.ASCII) else shlex.quote(word)


def as_typed(value: Any) -> str:
    """A value of the config as it is typed: true, null, [a,b]."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}:{as_typed(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(as_typed, value)) + "]"
    return str(value)


def is_choice(override: Override) -> bool:
    """Whether the value is several, as only a sweep takes."""
    return isinstance(override._value, ChoiceSweep | Sweep | Glob)


def _is_quoted(text: str) -> bool:
    return len(text) > 1 and text[0] == text[-1] and text[0] in "'\""


def _expanded(text: str) -> str:
    try:
        return str(Path(text).expanduser())
    except RuntimeError:
        return text
