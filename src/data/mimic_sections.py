"""Sections of the report files of MIMIC-CXR, as the published pre-processing finds them."""

import csv
import re
from functools import cache
from importlib import resources

from src.data.report_headings import MIMIC_WORDS, is_view, section_name
from src.data.report_sections import Sections

_HEADING = re.compile(r"\n ([A-Z ()/,-]+):\s")
# a slip of the MIT-LCP table, which an INDICATION without its first letter falls to
_SLIPS = {"ndication": "impression"}
# sections travel through a CSV file, of which pandas (1.x, of the time) reads these cells as missing
_MISSING = {"#N/A", "#N/A N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "n/a", "nan", "null"}


def published_sections(report: str) -> Sections:
    """Impression and findings of a report file of MIMIC-CXR by the MIT-LCP rules; both empty for a file without any.

    A heading is a line that begins with one space, in capitals, up to a colon; the rest of its line, or the line below
    where a colon ends it, is never a heading. Headings count by name, by a word that they hold, or, as findings, by
    the view that they name. Of several sections of a name the last that is not blank wins. Text before the first
    heading, under other headings, or without any heading belongs to neither section.
    """
    text = report.replace("\r\n", "\n").replace("\r", "\n")
    found = {"impression": "", "findings": ""}
    heading = _HEADING.search(text)
    while heading is not None:
        following = _HEADING.search(text, max(text.find("\n", heading.end()), heading.end()))
        body = text[heading.end() : following.start() if following else None].strip()
        name = _name(heading[1])
        if name in found and body:
            found[name] = body
        heading = following
    return Sections(**{name: "" if body in _MISSING else body for name, body in found.items()})


def _name(heading: str) -> str:
    slip = _SLIPS.get(heading.lower().strip())
    return slip or section_name(heading, MIMIC_WORDS) or ("findings" if is_view(heading) else "")


@cache
def studies_with_custom_rules() -> frozenset[str]:
    """Studies ("s50913680") whose reports the MIT-LCP code reads by rules of their own.

    Its table of sections, which the published pre-processing reads, does not hold them.
    """
    table = (resources.files("src.assets") / "mimic_cxr_custom_rules.csv").read_text(encoding="utf-8")
    return frozenset(row["study"] for row in csv.DictReader(table.splitlines()))
