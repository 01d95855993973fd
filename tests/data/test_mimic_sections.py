"""The published sections of MIMIC-CXR's report files: headings and edges worked out by hand from the MIT-LCP rules."""

import re
from collections import Counter

import pytest

from src.data.mimic_sections import published_sections, studies_with_custom_rules
from src.data.report import Sections, caption, read_sections

IMPRESSION = (
    *("IMPRESSION", "CONCLUSION", "FINAL IMPRESSION", "IMPRESSION AND PLAN", "FINDINGS AND IMPRESSION"),
    *("FINDINGS/IMPRESSION", "FINDINGS/ IMPRESSION", "IMPRESSION (PRELIMINARY)"),
    *("IMPRESSON", "IMPRRESSION", "IMORESSION", "IMPRESSOIN", "IMPRSSION", "IMPRESION", "IMPERSSION", "MPRESSION"),
    *("IMPESSION", "NDICATION"),
)
FINDINGS = (
    *("FINDINGS", "FINDING", "REFERENCE FINDINGS", "OTHER FINDINGS", "FINDINS", "FINDINDGS", "FINDGINGS", "FINDNGS"),
    *("FINDNINGS", "FINIDNGS"),
    *("CHEST, TWO VIEWS", "CHEST", "AP CHEST", "CHEST RADIOGRAPH, PA AND LATERAL", "PORTABLE SUPINE FILM", "PORTABLE"),
    *("PA AND LATERAL VIEWS", "LATERAL AND PA VIEWS", "AP AND LATERAL", "LATERAL AND AP", "FRONTAL AND LATERAL"),
    *("TWO VIEWS", "FRONTAL VIEW", "PA VIEW", "SINGLE AP VIEW", "ONE VIEW", "LEFT LATERAL VIEW", "BONE WINDOWS"),
    *("FRONTAL UPRIGHT", "FRONTAL SEMI-UPRIGHT", "RIBS, LEFT", "PA AND LAT"),
)
NEITHER = (
    *("INDICATION", "EXAMINATION", "EXAM", "TYPE OF EXAMINATION", "TECHNIQUE", "HISTORY", "CLINICAL HISTORY", "PFI"),
    *("COMPARISON", "COMPARISONS", "COMPARSION", "REFERENCE EXAM", "COMPARISON CHEST", "HISTORY OF CHEST PAIN"),
    *("ADDENDUM", "ADDENDUM TO PORTABLE FILM", "RECOMMENDATION(S)", "NOTIFICATION", "WET READ", "DATE", "COMMENT"),
    *("CONCLUSIONS", "OPINION", "LUNGS", "HEART", "FRONTAL", "PA/LAT", "THREE VIEWS"),
)


def report(heading: str) -> str:
    return f"{'FINAL REPORT':>45}\n EXAMINATION:  CHEST (PA AND LAT)\n \n {heading}:  Clear lungs today.\n"


@pytest.mark.parametrize("heading", IMPRESSION)
def test_headings_of_the_impression(heading: str) -> None:
    assert published_sections(report(heading)) == Sections("Clear lungs today.", "")


@pytest.mark.parametrize("heading", FINDINGS)
def test_headings_of_the_findings(heading: str) -> None:
    assert published_sections(report(heading)) == Sections("", "Clear lungs today.")


@pytest.mark.parametrize("heading", NEITHER)
def test_headings_of_neither(heading: str) -> None:
    assert published_sections(report(heading)) == Sections("", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # of several the last, unless it is blank; a title without text is no section
        ("\n CHEST:\n \n INDICATION: Cough.\n FINDINGS: One.\n FINDINGS: Two.\n FINDINGS: \n", Sections("", "Two.")),
        # a view after FINDINGS is of the same name, and wins
        ("\n FINDINGS: One.\n \n CHEST: Two.\n \n IMPRESSION: Three.\n", Sections("Three.", "Two.")),
        # the line under a heading that ends its line is never a heading; where a blank follows the colon, it is
        ("\n FINDINGS:\n CHEST: One.\n \n IMPRESSION: Two.\n", Sections("Two.", "CHEST: One.")),
        ("\n FINDINGS: \n CHEST: One.\n \n IMPRESSION: Two.\n", Sections("Two.", "One.")),
        # one space before a heading, capitals, and white space after its colon
        ("\nFINDINGS: One.\n", Sections("", "")),
        ("\n   FINDINGS: One.\n", Sections("", "One.")),
        ("\n\tFINDINGS: One.\n", Sections("", "")),
        ("\n Findings: One.\n", Sections("", "")),
        ("\n FINDINGS:One.\n IMPRESSION: Two.\n", Sections("Two.", "")),
        (" FINDINGS: One.\n", Sections("", "")),
        ("\n FINDINGS: One. IMPRESSION: Two.\n", Sections("", "One. IMPRESSION: Two.")),
        ("\n IMPRESSION & PLAN: One.\n", Sections("", "")),
        ("\n FINDINGS: One at 3:00 PM.\n", Sections("", "One at 3:00 PM.")),
        # without a heading there is no section, whatever the file says
        ("Clear lungs. No effusion.", Sections("", "")),
        ("", Sections("", "")),
        # no last paragraph, no comparison in their place
        ("\n INDICATION: Cough.\n \n Clear lungs today.\n", Sections("", "")),
        # what pandas reads as missing
        ("\n FINDINGS: N/A\n \n IMPRESSION: No acute process.\n", Sections("No acute process.", "")),
        ("\n IMPRESSION: NA\n \n FINDINGS: One.\n", Sections("", "One.")),
        # line ends of other systems
        ("\r\n FINDINGS: One.\r\n IMPRESSION: Two.\r\n", Sections("Two.", "One.")),
    ],
)
def test_edges(text: str, expected: Sections) -> None:
    assert published_sections(text) == expected


def test_other_reports_keep_their_text_under_published_rules() -> None:
    text = "Clear lungs. No effusion."
    assert caption(*published_sections(text), "published") is None
    assert caption(*read_sections(text, "published"), "published") == "clear lungs no effusion"


def test_studies_with_custom_rules() -> None:
    studies = studies_with_custom_rules()
    # 23 whose section has another name, 23 whose text is given by characters, 8 without any
    assert len(studies) == 54
    assert all(re.fullmatch(r"s5\d{7}", study) for study in studies)
    assert Counter(study in studies for study in ("s50913680", "s50525523", "s58235663", "s50414267"))[True] == 3
