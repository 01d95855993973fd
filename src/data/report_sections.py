"""The sections of a radiology report of any origin; report files of MIMIC-CXR have rules of their own."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from src.core.rules import Rules
from src.data.heading_names import HeadingNames, Kind, Name, plain, standard_names
from src.data.report_markup import plain_lines
from src.data.report_pointers import has_words, points_elsewhere
from src.data.signatures import find_signatures, without_names

_LONGEST_NAME = 60
# a list's number or mark before a heading
_LINE_HEADING = re.compile(r"[ \t]*(?:\d{1,2}[.)][ \t]*|[-•*][ \t]+)?(?P<name>[^\W\d_][^:：\n]*?)[ \t]*(?P<end>[:：])")
_DASHED = re.compile(r"[ \t]*(?P<name>[^\W\d_][\w ]{1,30}?)[ \t]+(?P<end>[-–—])[ \t]")
_CAPITALS = re.compile(r"[^\W\d_a-z][^\d_a-z]*")
_TOKEN = re.compile(r"[^\s。；，;]+")
_COLON = re.compile(r"[:：]")
_LOST_COLON = re.compile(r"\b(?P<name>(?:[A-Z]{2,}[ \t]+)?[A-Z]{6,})(?P<end>(?=[ \t\n]))")
_BLANK_LINE = re.compile(r"\n\s*\n")
# an uncased script writes without blanks: what stands before a colon may end in a heading's name
_MOST_SIGNS = 8
# a smaller share of small letters is a report in capitals
_SMALL_LETTERS = 0.15

# kinds in which a label, or a name that is not known, is part of the text
_BODIES: tuple[Kind, ...] = ("findings", "report", "label")
# a heading that its writer puts on a line of its own alone: src.data.phrases
_OWN_LINE = {"phrases"}


class Sections(NamedTuple):
    """The two sections of a report that a caption is made of; empty where the report lacks one."""

    impression: str
    findings: str


class _Heading(NamedTuple):
    start: int
    end: int
    name: Name
    capitals: bool


class _Section(NamedTuple):
    name: Name
    capitals: bool
    text: str


def read_sections(report: str, rules: Rules, names: HeadingNames | None = None) -> Sections:
    """Return impression and findings of a report, by its headings.

    A heading is a name that ``names`` knows, in any case, at the start of a line and before a colon or the line's end,
    or inside a line before a colon, as where line breaks were lost; or, before a colon, any run of capitals that starts
    a line. Names of organs and names that are not known are labels inside FINDINGS and stay part of it; labels under no
    such heading are findings together. Of several sections of a name, the last that is not blank counts. Where none is
    named findings, the one under a view ("PORTABLE CHEST:") or "REPORT:" does. Signatures are no part of any section.
    Text without headings comes back whole, as findings. An impression that only points elsewhere ("See above.") goes
    where nothing is left beside it, and always under ``corrected``. A report with headings and neither section gives
    two empty strings under ``published``, and the text below its last heading's own under ``corrected``.
    """
    text = without_names(plain_lines(report))
    known = names or standard_names()
    headings = _find_headings(text, known)
    preamble, sections = _cut(text, headings)
    if not any(section.name.kind in ("findings", "impression", "report") for section in sections) and not any(
        section.capitals and section.name.kind not in ("signature", "label") for section in sections
    ):
        return Sections(impression="", findings=_unsigned(text, headings))
    impression, findings = _joined(sections, "impression"), _joined(sections, "findings")
    labelled = "\n".join(section.text for section in sections if section.name.kind == "label")
    findings = "\n".join(filter(None, (findings, labelled))) or _joined(sections, "report")
    if points_elsewhere(findings) and (rules == "corrected" or not impression):
        findings = ""
    if points_elsewhere(impression) and (rules == "corrected" or not findings):
        impression = ""
    if rules == "corrected" and not findings:
        # findings that no heading names stand above the impression
        findings = _text_alone(preamble) if impression else _below_headings(preamble, sections)
    return Sections(impression=impression, findings=findings)


def _find_headings(text: str, names: HeadingNames) -> list[_Heading]:
    found = [heading for start, line in _lines(text) for heading in _in_line(line, start, names)]
    found += [_Heading(m.start(), m.end(), Name("signature", ""), capitals=False) for m in find_signatures(text)]
    if not any(heading.name.kind in ("findings", "impression", "report") for heading in found):
        found += _without_colon(text, names)
    found.sort(key=lambda heading: (heading.start, -heading.end))
    # what lies inside another heading is part of its name
    kept: list[_Heading] = []
    for heading in found:
        if not kept or heading.start >= kept[-1].end:
            kept.append(heading)
    return kept


def _lines(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for line in text.split("\n"):
        yield start, line
        start += len(line) + 1


def _in_line(line: str, start: int, names: HeadingNames) -> Iterator[_Heading]:
    begin = 0
    match = _LINE_HEADING.match(line) or _DASHED.match(line)
    if match and len(match["name"]) <= _LONGEST_NAME and (name := _at_line_start(match, line, names)) is not None:
        yield _Heading(start, start + match.end("end"), name, _is_capitals(match["name"]))
        begin = match.end("end")
    elif not _COLON.search(line):
        title = line.strip()
        name = names.exact(title) if title and len(title) <= _LONGEST_NAME and not title[0].islower() else Name("", "")
        # FINAL REPORT is a title, and organs alone on a line are labels only where they are set apart by capitals
        if name.kind not in ("", "report") and (name.kind != "label" or _is_capitals(title)) and title[-1] not in ".;,":
            yield _Heading(start, start + len(line), name, _is_capitals(title))
        return
    for colon in _COLON.finditer(line, begin):
        heading = _before_colon(line, begin, colon, names)
        if heading is not None:
            yield heading._replace(start=start + heading.start, end=start + heading.end)
        begin = colon.end()


def _at_line_start(match: re.Match[str], line: str, names: HeadingNames) -> Name | None:
    title = match["name"]
    if match["end"] not in ":：":
        name = names.exact(title)
        return name if name.kind in ("findings", "impression") and not title[0].islower() else None
    if not _is_capitals(title):
        return known if (known := names.exact(title)).kind else None
    # digits and blanks around a colon are times and ratios, and what belongs together has no blank after it
    apart = match.end("end") == len(line) or line[match.end("end")].isspace()
    name = names.of_capitals(title)
    return name if apart or names.exact(title).kind else None


def _before_colon(line: str, begin: int, colon: re.Match[str], names: HeadingNames) -> _Heading | None:
    """The longest known name that ends at a colon inside a line."""
    from_ = max(begin, colon.start() - _LONGEST_NAME)
    tokens = list(_TOKEN.finditer(line, from_, colon.start()))[-4:]
    for token in tokens:
        title = line[token.start() : colon.start()].rstrip()
        name, capitals = names.exact(title), _is_capitals(title)
        if not name.kind or title[0].islower() or not title[0].isalpha():
            continue
        if plain(title) not in _OWN_LINE and (capitals or name.kind == "label" or names.is_certain(title)):
            return _Heading(token.start(), colon.end(), name, capitals)
    if tokens and not tokens[-1][0].isascii():
        last = tokens[-1]
        for start in range(max(last.start(), last.end() - _MOST_SIGNS), last.end() - 1):
            name = names.exact(line[start : last.end()])
            if name.kind and _is_capitals(line[start : last.end()]):
                return _Heading(start, colon.end(), name, capitals=True)
    return None


def _without_colon(text: str, names: HeadingNames) -> Iterator[_Heading]:
    """Names in capitals in a text of small letters, whose colons and line breaks were lost."""
    letters = [sign for sign in text if sign.isalpha()]
    if sum(sign.islower() for sign in letters) < _SMALL_LETTERS * len(letters):
        return
    for match in _LOST_COLON.finditer(text):
        for start in (match.start("name"), match.start("name") + match["name"].rfind(" ") + 1):
            name = names.exact(text[start : match.end("name")])
            if name.kind in ("findings", "impression", "other", "title"):
                yield _Heading(start, match.end(), name, capitals=True)
                break


def _is_capitals(title: str) -> bool:
    return _CAPITALS.fullmatch(title) is not None and title.upper() == title


def _cut(text: str, headings: list[_Heading]) -> tuple[str, list[_Section]]:
    """The text before the first heading, and the section of each heading that opens one."""
    opened: list[_Heading] = []
    for heading in headings:
        if not opened or _opens(heading, opened[-1], text):
            opened.append(heading)
    if not opened:
        return text, []
    ends = [heading.start for heading in opened[1:]] + [len(text)]
    sections = []
    for heading, end in zip(opened, ends, strict=True):
        # a label is part of what it labels
        start = heading.start if heading.name.kind == "label" else heading.end
        sections.append(_Section(heading.name, heading.capitals, text[start:end].strip()))
    return text[: opened[0].start], sections


def _opens(heading: _Heading, current: _Heading, text: str) -> bool:
    kind, inside = heading.name.kind, current.name.kind
    if kind in ("label", "", "report"):
        # "FINDINGS:" with "CHEST:" on the very next line is one section with a label inside, not two
        follows = not text[current.end : heading.start].strip() and inside != "signature"
        labels = inside == "impression" and kind == "label"
        return not (inside in _BODIES or labels or (follows and (inside == "impression" or kind != "label")))
    if kind in ("other", "title") and inside in (*_BODIES, "impression") and not heading.capitals:
        # "Comparison: none." inside FINDINGS is a sentence of it, unless it starts a line
        starts_line = not text[text.rfind("\n", 0, heading.start) + 1 : heading.start].strip()
        return starts_line or not current.capitals
    return True


def _joined(sections: list[_Section], kind: Kind) -> str:
    texts: dict[str, str] = {}
    for section in sections:
        if section.name.kind == kind and has_words(section.text):
            known = texts.get(section.name.family, "")
            if not (known and points_elsewhere(section.text)):
                texts[section.name.family] = section.text
    return "\n".join(texts.values())


def _below_headings(preamble: str, sections: list[_Section]) -> str:
    """All under unknown headings, else below the own text of the last one, else before the first."""
    unknown = [section.text for section in sections if section.name.kind == "" and has_words(section.text)]
    if unknown:
        return "\n".join(unknown)
    for section in reversed(sections):
        first, *rest = _BLANK_LINE.split(section.text)
        if section.name.kind == "title":
            rest = [first.partition("\n")[2], *rest]
        below = "\n\n".join(rest).strip() if section.name.kind in ("title", "other") else ""
        if has_words(below) and not points_elsewhere(below):
            return below
    return _text_alone(preamble)


def _text_alone(preamble: str) -> str:
    """The text before the first heading, unless it is a title such as FINAL REPORT."""
    text = preamble.strip()
    return text if len(text.split()) > 3 and text.upper() != text and "." in text else ""


def _unsigned(text: str, headings: list[_Heading]) -> str:
    """Text without headings, up to its signature; a signature at its top is a line of its own."""
    for heading in headings:
        if heading.name.kind == "signature":
            if text[: heading.start].strip():
                return text[: heading.start].strip()
            return text[heading.end :].partition("\n")[2].strip()
    return text.strip()
