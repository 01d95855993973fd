"""Collects the settings that messages of ``src`` name, from the source itself."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from src.engine.schema import RunConfig

FILES = (".yaml", ".json", ".csv", ".md", ".py", ".log")
ROOT = Path(__file__).resolve().parents[2]
HOLE = "\u2039\u203a"
"""Stands for what a message fills in when it is printed."""
_WORD = re.compile(rf"(?<![\w.{HOLE}/=<])((?:\+\+|\+)?[a-z_]+(?:[./][a-z_]+)*=(?:'[^']*'|\[[^\]]*\]|[^\s;,)'\"]+))")


@dataclass(frozen=True)
class Advice:
    """One ``KEY=VALUE`` of a message. ``where``: file and line; ``message``: the text around it."""

    word: str
    where: str
    message: str


def collect(folder: Path = ROOT / "src") -> Iterator[Advice]:
    """Every ``KEY=VALUE`` in the texts of the modules below ``folder``, docstrings left out."""
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        skipped = _docstrings(tree) | _inner(tree)
        for node in ast.walk(tree):
            text = None if id(node) in skipped else _text(node)
            if text is None or " " not in text.strip():
                continue
            for found in _WORD.finditer(text):
                word = found[1].rstrip(".:\u201d")
                yield Advice(word, f"{path.relative_to(folder.parent)}:{node.lineno}", text)  # type: ignore[attr-defined]


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values)
    return None


def _docstrings(tree: ast.AST) -> set[int]:
    """The texts that stand as statements."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _inner(tree: ast.AST) -> set[int]:
    """The constant parts of f-strings, which are read with the whole."""
    return {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}


def collect_keys(folder: Path = ROOT / "src") -> Iterator[Advice]:
    """Every dotted key of a message that stands there without a value, as in "check dataset.image_root"."""
    groups = "|".join(RunConfig.__dataclass_fields__)
    pattern = re.compile(rf"(?<![\w./{HOLE}])((?:{groups})(?:\.[a-z_]+)+)(?![\w=(/{HOLE}.\[])")
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        skipped = _docstrings(tree) | _inner(tree)
        for node in ast.walk(tree):
            text = None if id(node) in skipped else _text(node)
            if text is None or len(text.split()) < 3:
                continue
            for found in pattern.finditer(text):
                if not found[1].endswith(FILES):
                    yield Advice(found[1], f"{path.relative_to(folder.parent)}:{node.lineno}", text)  # type: ignore[attr-defined]
