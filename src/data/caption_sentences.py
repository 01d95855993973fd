"""The sentences of a caption, whose cleaning left no full stops: found again in the report that it was made of."""

import re

from src.core.rules import Rules
from src.data.report import caption

# also where a list's next item, a paragraph or the text behind a heading begins
_END = re.compile(r"[!?;:]|\.(?!\d)|(?<=[^\d\s])\.|\n\s*\n|\n\s*(?:[-•*]|\d+[.)])\s")
_LEAD = "first second third"


def caption_sentences(cleaned: str, report: str, rules: Rules) -> list[list[str]]:
    """Split a caption into the words of its sentences.

    Words that no sentence of the report holds, as where another text was cleaned, join the sentence before them.

    Args:
        cleaned: the caption.
        report: the text that it was made of, headings and other sections included.
        rules: those by which it was cleaned.
    """
    pieces = {tuple(clean_words(piece, rules)) for piece in _END.split(report)}
    by_first: dict[str, list[tuple[str, ...]]] = {}
    for piece in sorted(filter(None, pieces), key=len, reverse=True):
        by_first.setdefault(piece[0], []).append(piece)
    words, place = cleaned.split(), 0
    sentences: list[list[str]] = [[]]
    while place < len(words):
        there = [piece for piece in by_first.get(words[place], []) if (*words[place : place + len(piece)],) == piece]
        if there:
            sentences += [list(there[0]), []]
            place += len(there[0])
        else:
            sentences[-1].append(words[place])
            place += 1
    return [sentence for sentence in sentences if sentence]


def clean_words(text: str, rules: Rules) -> list[str]:
    """The words of a text as captions have them, however short the text is."""
    # published rules drop texts of fewer than three words
    whole = caption("", f"{_LEAD}. {text}", rules)
    return (whole or "").split()[len(_LEAD.split()) :]
