"""The sentences that stand for a finding's presence and absence in zero-shot classification."""

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from src.core.errors import UserError

Parts = Mapping[str, str | Sequence[str]]
"""A ``pattern`` such as ``There is {severity} {subtype} {place}.``, and a list of words for each name in braces."""

_SIDES = ("positive", "negative")
_PATTERN = "pattern"
_PLACE = re.compile(r"\{(\w+)\}")
_LIKE = 0.6


class PromptPair(NamedTuple):
    """Sentences that say a finding is there, and sentences that say it is not."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]


class Prompts:
    """Prompts by finding, and a template for findings that have none of their own.

    ``template``: ``positive`` and ``negative`` sentences in which ``{finding}`` stands for the finding's name, its
    underscores read as spaces. ``findings``: for each finding by name the same two sides, each a list of sentences or
    the parts that sentences are made of: every combination of the parts in the pattern, where an empty word leaves a
    part unsaid. So the literature prompts CheXpert's findings, by severity, subtype and place (GLoRIA, Huang et al.,
    ICCV 2021, draws some of the combinations; here all count).
    Raises UserError where a side is missing or empty, and where a pattern and its parts do not fit.
    """

    def __init__(
        self, *, template: Mapping[str, Sequence[str]], findings: Mapping[str, Mapping[str, Sequence[str] | Parts]]
    ) -> None:
        self._template = _pair("prompts.template", template)
        self._findings = {name: _pair(f"prompts.findings.{name}", sides) for name, sides in findings.items()}

    def for_findings(self, finding_names: Sequence[str], *, known: Collection[str] = ()) -> dict[str, PromptPair]:
        """The prompts of each finding, in the order given.

        ``known``: findings of the data set that were not chosen, whose prompts are passed over.
        Raises UserError where there are prompts for a finding that the data set does not know.
        """
        there = list(dict.fromkeys([*finding_names, *known]))
        unknown = [name for name in self._findings if name not in there]
        if unknown:
            raise UserError(
                f"prompts.findings.{unknown[0]}: the data set has no finding of this name"
                f"{_nearest(unknown[0], there)}; its findings are {', '.join(there) or 'none'}. Correct the name, or "
                "choose prompts=generic."
            )
        return {name: self._findings.get(name) or self._from_template(name) for name in finding_names}

    def _from_template(self, name: str) -> PromptPair:
        spoken = name.replace("_", " ")
        return PromptPair(*(tuple(text.replace("{finding}", spoken) for text in texts) for texts in self._template))


def _nearest(name: str, there: Sequence[str]) -> str:
    by_small_letters = {one.lower(): one for one in there}
    near = difflib.get_close_matches(name.lower(), by_small_letters, n=1, cutoff=_LIKE)
    return f" (did you mean {by_small_letters[near[0]]}?)" if near else ""


def _pair(key: str, sides: Mapping[str, Sequence[str] | Parts]) -> PromptPair:
    unknown = set(sides) - set(_SIDES)
    if unknown:
        raise UserError(f"{key}.{min(unknown)}: no such list; prompts are either positive or negative.")
    for side in _SIDES:
        if not sides.get(side):
            raise UserError(f"{key}.{side} is missing or empty; give at least one sentence.")
    return PromptPair(*(_sentences(f"{key}.{side}", sides[side]) for side in _SIDES))


def _sentences(key: str, side: Sequence[str] | Parts) -> tuple[str, ...]:
    if not isinstance(side, Mapping):
        return tuple(side)
    pattern = side.get(_PATTERN)
    if not isinstance(pattern, str):
        raise UserError(
            f"{key}.{_PATTERN} is missing; give the sentence that the parts go into, or a list of sentences."
        )
    wanted = list(dict.fromkeys(_PLACE.findall(pattern)))
    for name in (*wanted, *(name for name in side if name != _PATTERN)):
        words = side.get(name)
        if not words or isinstance(words, str):
            raise UserError(f"{key}.{name} is missing, empty or no list; the pattern needs a list of words for it.")
        if name not in wanted:
            raise UserError(f"{key}.{name} is nowhere in the pattern; write {{{name}}} in it, or leave the part out.")
    combinations = product(*(side[name] for name in wanted))
    # two combinations may say the same, and count once
    return tuple(dict.fromkeys(_filled(pattern, dict(zip(wanted, words, strict=True))) for words in combinations))


def _filled(pattern: str, words: Mapping[str, str]) -> str:
    sentence = _PLACE.sub(lambda match: words[match[1]], pattern)
    return re.sub(r" (?=[.,])", "", " ".join(sentence.split()))
