"""Where a report names findings, and which of them it denies: terms and cues in the manner of NegEx (Chapman 2001).

A denial reaches the findings that follow it in its sentence, as far as no more than a few words stand before the first
and between one and the next.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from src.core.errors import UserError

SHIPPED = Path(__file__).parents[1] / "assets" / "finding_terms.yaml"
_NEGATION = ("before", "after", "links", "ends", "pseudo")
_REACH = 6
"""Words between a denial and its first finding, or between two findings of its list."""
_ANY, _MOST_BETWEEN = "*", 2
_NO_FINDING = {"no finding", "normal", "negative", "positive", "other", "others"}

Term = tuple[str, ...]


class Mention(NamedTuple):
    """Words ``start`` to ``stop`` of a report, which name ``finding``."""

    finding: str
    start: int
    stop: int
    negated: bool


@dataclass(frozen=True, kw_only=True)
class FindingTerms:
    """``findings``: each term with the finding that it names. The others: cues, see ``assets/finding_terms.yaml``."""

    findings: Mapping[Term, str]
    before: tuple[Term, ...]
    after: tuple[Term, ...]
    links: tuple[Term, ...]
    ends: tuple[Term, ...]
    pseudo: tuple[Term, ...]

    def mentions(self, sentences: Sequence[Sequence[str]]) -> list[Mention]:
        """Find the findings that the sentences name, in their order; positions count over all sentences.

        Args:
            sentences: the words of each sentence, cleaned as the terms are.
        """
        found, offset = [], 0
        for words in sentences:
            in_sentence = self._named(words)
            denied = self._denied(words, in_sentence)
            found += [
                Mention(finding, offset + start, offset + stop, (start, stop) in denied)
                for finding, start, stop in in_sentence
            ]
            offset += len(words)
        return found

    def _named(self, words: Sequence[str]) -> list[tuple[str, int, int]]:
        named, place = [], 0
        while place < len(words):
            ends = [(stop, finding) for term, finding in self.findings.items() if (stop := _match(words, place, term))]
            if ends:
                stop, finding = max(ends, key=lambda end: end[0])
                named.append((finding, place, stop))
            place = max(ends)[0] if ends else place + 1
        return named

    def _denied(self, words: Sequence[str], named: Sequence[tuple[str, int, int]]) -> set[tuple[int, int]]:
        starts = {start: stop for _, start, stop in named}
        denied: set[tuple[int, int]] = set()
        # the place after the denial, or after the last finding that it reaches
        reached: int | None = None
        place = 0
        while place < len(words):
            if place in starts:
                stop = starts[place]
                inside = any(_first(words[:stop], inner, self.before) for inner in range(place + 1, stop))
                if inside or (reached is not None and place - reached <= _REACH):
                    denied.add((place, stop))
                    reached = None if inside and reached is None else stop
                elif self._denied_after(words, stop, starts):
                    denied.add((place, stop))
                place = stop
            elif stop := _first(words, place, self.pseudo):
                place = stop
            elif stop := _first(words, place, self.before):
                reached = place = stop
            else:
                reached = None if _first(words, place, self.ends) else reached
                place += 1
        return denied

    def _denied_after(self, words: Sequence[str], place: int, starts: Mapping[int, int]) -> bool:
        """Whether what stands before ``place`` is denied by the words from there on."""
        while place < len(words):
            if _first(words, place, self.after):
                return True
            if stop := _first(words, place, self.links):
                place = stop
            elif place in starts and _first(words, place - 1, self.links):
                # a list, as in "effusion or pneumothorax is not seen"
                place = starts[place]
            else:
                return False
        return False


def read_terms(path: Path, finding_names: Iterable[str], *, clean: Callable[[str], str]) -> FindingTerms:
    """Read a list of terms, and add the data set's own findings to it.

    Args:
        path: a yaml of the form of ``assets/finding_terms.yaml``.
        finding_names: the data set's, in which underscores stand for blanks.
        clean: brings a text into the form of the captions, words apart by one blank.

    Raises:
        UserError: where the file is missing, or of another form.
    """
    content = _read(path)
    terms = {
        term: str(finding)
        for finding, words in _mapping(content, "findings", path).items()
        for term in _terms(words, f"findings.{finding}", path, clean)
    }
    for name in finding_names:
        spoken = clean(name.replace("_", " "))
        if spoken and spoken not in _NO_FINDING:
            terms.setdefault(tuple(spoken.split()), name.replace("_", " "))
    cues = _mapping(content, "negation", path)
    return FindingTerms(
        findings=terms,
        **{key: tuple(_terms(cues.get(key, []), f"negation.{key}", path, clean)) for key in _NEGATION},
    )


def _read(path: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise UserError(
            f"task.finding_terms={path} cannot be read ({reason}); give a yaml of the form of {SHIPPED}, or "
            "task.finding_terms=shipped."
        ) from error


def _mapping(content: Any, key: str, path: Path) -> Mapping[str, Any]:
    found = content.get(key) if isinstance(content, Mapping) else None
    if not isinstance(found, Mapping):
        raise UserError(f"task.finding_terms={path} has no mapping {key}; it needs the form of {SHIPPED}.")
    return found


def _terms(words: Any, key: str, path: Path, clean: Callable[[str], str]) -> list[Term]:
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UserError(
            f'task.finding_terms={path}: {key} is no list of words; quote words that yaml reads otherwise, as "no".'
        )
    cleaned = [[part for piece in word.split(_ANY) for part in (*clean(piece).split(), _ANY)][:-1] for word in words]
    return [tuple(term) for term in cleaned if term]


def _first(words: Sequence[str], place: int, cues: Iterable[Term]) -> int:
    """The end of the longest of ``cues`` that begins at ``place``; 0 where none does."""
    return max((_match(words, place, cue) for cue in cues), default=0)


def _match(words: Sequence[str], place: int, term: Term) -> int:
    """The end of ``term`` where it begins at ``place``; 0 where it does not."""
    if not term:
        return place
    if term[0] == _ANY:
        ends = (_match(words, place + between, term[1:]) for between in range(_MOST_BETWEEN + 1))
        return next((stop for stop in ends if stop), 0)
    if place >= len(words) or not _same(words[place], term[0]):
        return 0
    return _match(words, place + 1, term[1:])


def _same(word: str, term: str) -> bool:
    """Whether a word is the term's, or its plural in English."""
    return word in (term, f"{term}s", f"{term}es") or (term.endswith("y") and word == f"{term[:-1]}ies")
