"""Reports: their sections, and the caption that the text encoder reads."""

import re
import unicodedata
from typing import NamedTuple

from src.core.rules import Rules
from src.data.report_headings import MIMIC_WORDS, is_view, section_name

_HEADING = re.compile(r"^[ \t]*(?P<name>[A-Z][A-Z ()/,&-]*):(?=\s|$)", re.MULTILINE)
# headings inside a line, for reports whose line breaks were lost
_INLINE_HEADING = re.compile(r"(?:^|(?<=\s))(?P<name>FINDINGS?|IMPRESSION):")
# for reports that were not written by a machine: also small letters, "Conclusion", and text right after the colon
_LOOSE_HEADING = re.compile(
    r"^[ \t]*(?P<name>[A-Z][A-Z ()/,&-]*(?=:(?:\s|$))|(?i:findings?|impression|conclusion|opinion)(?=:)):", re.MULTILINE
)
_WORDS = {**MIMIC_WORDS, "finding": "findings", "indication": "indication", "technique": "technique"}
_LOOSE_WORDS = {**_WORDS, "conclusion": "impression", "opinion": "impression"}

_VIEW = "view"
_BLANK_LINE = re.compile(r"\n\s*\n")

_LIST_NUMBER = re.compile(r"[0-9]+\.")
_WORD = re.compile(r"\w+")

_SENTENCE_END = re.compile(r"[!?;]|\.(?!\d)|(?<=[^\d\s])\.")
_WORD_OR_DECIMAL = re.compile(r"\d*\.\d+|[^\W_]+")
_LATIN_ACCENT = re.compile(r"([A-Za-z])[\u0300-\u036f]+")
_LATIN_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d", "μ": "u"})


class Sections(NamedTuple):
    """The two sections of a report that a caption is made of; empty where the report lacks one."""

    impression: str
    findings: str


def read_sections(report: str, rules: Rules) -> Sections:
    """Impression and findings of a radiology report of any origin; report files of MIMIC-CXR have rules of their own.

    A heading is a run of capitals that starts a line and ends in a colon. It counts by its name, misspellings of the
    MIT-LCP table included, or by a name that it holds ("FINAL IMPRESSION"), and of several sections of a name the last
    that is not blank wins. Where none is named findings, the section under a view ("PORTABLE CHEST:") counts. Text
    without any heading is a report by itself and comes back whole, as findings. A report with headings but neither
    section gives two empty strings under ``published`` (and is dropped later). ``corrected`` also knows "Findings:" in
    small letters, and takes the last paragraph where both sections lack.
    """
    text = report.replace("\r\n", "\n").replace("\r", "\n")
    heading, words = (_HEADING, _WORDS) if rules == "published" else (_LOOSE_HEADING, _LOOSE_WORDS)
    headings = list(heading.finditer(text)) or list(_INLINE_HEADING.finditer(text))
    if not headings:
        return Sections(impression="", findings=text.strip())
    sections = _section_texts(text, headings, words)
    found = {name: body for name, body in sections if body}
    chosen = Sections(found.get("impression", ""), found.get("findings") or found.get(_VIEW, ""))
    if not any(chosen) and rules == "corrected":
        return Sections(impression="", findings=_BLANK_LINE.split(sections[-1][1])[-1].strip())
    return chosen


def _section_texts(text: str, headings: list[re.Match[str]], words: dict[str, str]) -> list[tuple[str, str]]:
    kept: list[re.Match[str]] = []
    for heading in headings:
        # "FINDINGS:" with "CHEST:" on the very next line is one section with a label inside, not two
        is_label = kept and not _named(heading, words) and not text[kept[-1].end() : heading.start()].strip()
        if not is_label:
            kept.append(heading)
    ends = [heading.start() for heading in kept[1:]] + [len(text)]
    return [
        (_named(heading, words) or (_VIEW if is_view(heading["name"]) else ""), text[heading.end() : end].strip())
        for heading, end in zip(kept, ends, strict=True)
    ]


def _named(heading: re.Match[str], words: dict[str, str]) -> str:
    """The section that a heading opens by name; empty for one that nobody asks for."""
    return section_name(heading["name"], words)


def caption(impression: str, findings: str, rules: Rules) -> str | None:
    """The cleaned text of a report: lower case words, one space between them; None where too little is left.

    ``published``: impression before findings, split at list numbers and full stops, only ASCII letters, digits and
    underscores; sentences of one word and reports under three words go. It cuts "3.5 cm" to "5 cm" and loses a lone
    "Stable". ``corrected``: decimals and lone words stay, accented Latin letters become plain ones, other scripts stay,
    and the blanks of de-identification ("___") go.
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
    text = unicodedata.normalize("NFKD", text.lower())
    text = unicodedata.normalize("NFC", _LATIN_ACCENT.sub(r"\1", text)).translate(_LATIN_LETTERS)
    words: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        tokens = _WORD_OR_DECIMAL.findall(sentence)
        # a sentence that is one whole number is the number of a list's item
        if not (len(tokens) == 1 and tokens[0].isdecimal()):
            words += tokens
    return " ".join(words) or None
