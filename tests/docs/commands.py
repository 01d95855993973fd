"""The commands of a page of documentation, as lists of words."""

import re
import shlex
from pathlib import Path

END = {"&&", "||", "|", ";", "done", "do", "then"}


def commands(page: Path) -> list[list[str]]:
    """Every command of the page's shell blocks, without comments; shell variables such as ``$NAME`` read 1."""
    found = []
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(re.sub(r"\$[A-Z_]+\b", "1", line), posix=True, punctuation_chars=";|&")
            lexer.whitespace_split = True
            words: list[str] = []
            for word in [*lexer, ";"]:
                if word not in END:
                    words.append(word)
                elif words:
                    found.append(words)
                    words = []
    return found


def overrides(words: list[str]) -> list[str] | None:
    """What a command hands to ``python -m src.run``, itself or through make or compose; None where it runs no such."""
    if words[:2] == ["make", "docker-train"]:
        given = dict(word.partition("=")[::2] for word in words[2:])
        return [f"+experiment={given['EXPERIMENT']}", *shlex.split(given.get("ARGS", ""))]
    if words[:2] == ["docker", "compose"] and "train" in words:
        return words[words.index("train") + 1 :]
    return words[words.index("src.run") + 1 :] if "src.run" in words else None
