"""Sections that say nothing themselves, as an impression of "See above."."""

import re

from src.data.heading_names import plain
from src.data.report_languages import POINTERS

_LIST_NUMBER = re.compile(r"^\d+ ")
_POINTER = re.compile(
    r"(?:please )?(?:see|as|refer to|per|as per|same as|see the|as noted|as described|as stated|as detailed|as in)"
    r"(?: the)?(?: (?:above|below|findings|finding|impression|body|report|text|narrative|description|discussion|"
    r"details|section|of|in|for|full|further|to|the|and|noted|described|stated|discussed|detailed|note|comment|comments))+"
)
_NOTHING = {
    "none",
    "nil",
    "n a",
    "na",
    "nan",
    "null",
    "not applicable",
    "unknown",
    "above",
    "as above",
    *map(plain, POINTERS),
}


def has_words(text: str) -> bool:
    """Return whether there is a letter or a digit in ``text``."""
    return any(sign.isalnum() for sign in text)


def points_elsewhere(text: str) -> bool:
    """Return whether ``text`` only names another part of the report, or is a word for nothing."""
    words = _LIST_NUMBER.sub("", plain(text))
    return words in _NOTHING or _POINTER.fullmatch(words) is not None
