"""Reports: the caption that the text encoder reads."""

import re
import sys
import unicodedata

from src.core.rules import Rules
from src.data.report_sections import Sections, read_sections

__all__ = ["Sections", "caption", "caption_of_report", "read_sections"]

_LIST_NUMBER = re.compile(r"[0-9]+\.")
_WORD = re.compile(r"\w+")

_SENTENCE_END = re.compile(r"[!?;]|\.(?!\d)|(?<=[^\d\s])\.")
# the vowels and accents of many scripts are marks beside their letters, which \w leaves out
_MARKS = "".join(sign for sign in map(chr, range(0x300, sys.maxunicode + 1)) if unicodedata.category(sign)[0] == "M")
_ASCII_WORD_OR_DECIMAL = re.compile(r"\d*\.\d+|[^\W_]+")
_WORD_OR_DECIMAL = re.compile(rf"\d*\.\d+|[^\W_](?:[^\W_]|[{_MARKS}]|[\u200c\u200d](?=[^\W_]))*")
# the two vowels that NFKD takes apart and NFC does not put together again
_NOT_THAI_OR_LAO_AM = re.compile("[^\u0e33\u0eb3]+")
# μm and μg; elsewhere it is a Greek letter
_MICRO = re.compile(r"μ(?=[a-z])|(?<![^\W\d_])μ(?![^\W\d_])")
_LATIN_ACCENT = re.compile(r"([A-Za-z])[\u0300-\u036f]+")
_LATIN_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d"})


def caption(impression: str, findings: str, rules: Rules) -> str | None:
    """The cleaned text of a report: lower case words, one space between them; None where too little is left.

    ``published``: impression before findings, split at list numbers and full stops, only ASCII letters, digits and
    underscores; sentences of one word and reports under three words go. It cuts "3.5 cm" to "5 cm" and loses a lone
    "Stable". ``corrected``: decimals and lone words stay, accented Latin letters become plain ones, other scripts stay
    with their marks, and the blanks of de-identification ("___") go.
    """
    text = f"{impression} {findings}".replace("\n", " ")
    return _published_caption(text) if rules == "published" else _corrected_caption(text)


def caption_of_report(report: str, rules: Rules) -> str | None:
    """The caption of a full report with headings, or of plain text; None where the report holds nothing usable."""
    return caption(*read_sections(report, rules), rules)


def _published_caption(text: str) -> str | None:
    words: list[str] = []
    for point in _LIST_NUMBER.split(text):
        for sentence in point.split("."):
            tokens = _WORD.findall(sentence.lower())
            if len(tokens) > 1:
                words += filter(None, (token.encode("ascii", "ignore").decode("ascii") for token in tokens))
    return " ".join(words) if len(words) >= 3 else None


def _corrected_caption(text: str) -> str | None:
    text, word = text.lower(), _ASCII_WORD_OR_DECIMAL
    if not text.isascii():
        text, word = _plain_letters(text), _WORD_OR_DECIMAL
    words: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        tokens = word.findall(sentence)
        # a sentence that is one whole number is the number of a list's item
        if not (len(tokens) == 1 and tokens[0].isdecimal()):
            words += tokens
    return " ".join(words) or None


def _plain_letters(text: str) -> str:
    text = _NOT_THAI_OR_LAO_AM.sub(lambda found: unicodedata.normalize("NFKD", found[0]), text)
    text = unicodedata.normalize("NFC", _LATIN_ACCENT.sub(r"\1", text)).translate(_LATIN_LETTERS)
    return _MICRO.sub("u", text)
