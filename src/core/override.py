"""Settings as a message prints them: quoted for a shell and for Hydra, so that they work when copied."""

import re
import shlex
from collections.abc import Sequence

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# words that Hydra reads as another type
_TYPED = {"true", "false", "null", "nan", "inf"}


def list_override(key: str, values: Sequence[str]) -> str:
    """Return ``key=[...]`` with every one of ``values`` as text, whatever characters and type it looks like."""
    return shlex.quote(f"{key}=[{','.join(map(_text, values))}]")


def in_quotes(text: str) -> str:
    """Return ``text`` in the double quotes that Hydra reads as the very text."""
    # of backslashes, Hydra takes only those before a quote, and those at the end, as escapes
    escaped = re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + ('\\"' if found[2] else ""), text)
    return f'"{escaped}"'


def _text(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _TYPED:
        return value
    return in_quotes(value)
