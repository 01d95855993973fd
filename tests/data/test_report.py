"""Sections and captions of reports under both rules."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data.report import caption, caption_of_report
from src.data.report_sections import Sections, read_sections

# lines begin with a blank, as in MIMIC-CXR, and headings end in one
MIMIC = "\n ".join(
    [
        "                                FINAL REPORT",
        "EXAMINATION:  CHEST (PA AND LAT)",
        "",
        "INDICATION:  ___F with cough  // pneumonia?",
        "",
        "FINDINGS: ",
        "",
        "Heart size is normal.",
        "No effusion.",
        "",
        "IMPRESSION: ",
        "",
        "No acute process.",
    ]
)


@pytest.mark.parametrize("rules", ["published", "corrected"])
def test_sections_of_a_mimic_report(rules: str) -> None:
    assert read_sections(MIMIC, rules) == Sections("No acute process.", "Heart size is normal.\n No effusion.")


def test_last_section_of_a_name_wins_unless_it_is_blank() -> None:
    twice = " IMPRESSION: First one.\n\n FINAL IMPRESSION: Second one.\n"
    assert read_sections(twice, "published").impression == "Second one."
    assert read_sections(twice + "\n IMPRESSION:  \n", "published").impression == "Second one."


def test_a_label_on_the_line_after_a_heading_stays_in_the_section() -> None:
    report = " FINDINGS:\n CHEST: Clear lungs.\n\n IMPRESSION: Normal chest."
    assert read_sections(report, "published") == Sections("Normal chest.", "CHEST: Clear lungs.")


def test_another_heading_ends_a_section() -> None:
    report = " IMPRESSION: Normal chest.\n\n RECOMMENDATION(S): Come back.\n"
    assert read_sections(report, "published").impression == "Normal chest."


def test_text_without_headings_is_the_report() -> None:
    text = "A 70-year-old man with cough. Follow-up: none."
    assert read_sections(text, "published") == Sections("", text)


def test_headings_of_a_report_on_one_line() -> None:
    report = "EXAM: chest. FINDINGS: Clear lungs. IMPRESSION: Normal chest."
    assert read_sections(report.removeprefix("EXAM: "), "published") == Sections("Normal chest.", "Clear lungs.")


def test_neither_section_is_dropped_as_published_and_the_last_paragraph_otherwise() -> None:
    report = " INDICATION: Cough.\n\n COMPARISON: None.\n\n Lungs are clear today.\n"
    assert caption_of_report(report, "published") is None
    assert caption_of_report(report, "corrected") == "lungs are clear today"


def test_small_letters_and_conclusion_under_corrected() -> None:
    report = "Findings:\nClear lungs.\nCONCLUSION:\nNormal chest."
    assert read_sections(report, "corrected") == Sections("Normal chest.", "Clear lungs.")


@pytest.mark.parametrize("rules", ["published", "corrected"])
@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("FINDINGS: Clear.\nCONCLUSION: Normal chest.", Sections("Normal chest.", "Clear.")),
        ("FINDNGS: Clear.\nIMPRESSON: Normal chest.", Sections("Normal chest.", "Clear.")),
        ("PORTABLE CHEST: Clear.\nIMPRESSION: Normal chest.", Sections("Normal chest.", "Clear.")),
        # what is named findings counts before a view, wherever it stands, and a label below it is part of it
        ("PORTABLE CHEST: One.\n\nFINDINGS: Clear lungs.", Sections("", "Clear lungs.")),
        ("FINDINGS: Clear lungs.\n\nCHEST WALL: Intact.", Sections("", "Clear lungs.\n\nCHEST WALL: Intact.")),
        # an INDICATION without its first letter is one, and no impression as by the MIT-LCP table
        ("NDICATION: Cough.\nFINDINGS: Clear.", Sections("", "Clear.")),
        # a heading on the line under FINDINGS that is known is no label
        ("FINDINGS:\nRECOMMENDATION(S): Come back.\nIMPRESSION: Normal.", Sections("Normal.", "")),
    ],
)
def test_headings_of_the_mit_lcp_table(report: str, expected: Sections, rules: str) -> None:
    assert read_sections(report, rules) == expected


def test_windows_line_ends() -> None:
    assert read_sections(MIMIC.replace("\n", "\r\n"), "published") == read_sections(MIMIC, "published")


@pytest.mark.parametrize(
    ("text", "published", "corrected"),
    [
        (
            "1. No acute disease. 2. Stable 3.5 cm nodule.",
            "no acute disease 5 cm nodule",
            "no acute disease stable 3.5 cm nodule",
        ),
        ("Stable. No new effusion.", "no new effusion", "stable no new effusion"),
        ("Normal.", None, "normal"),
        ("", None, None),
        ("  \n ", None, None),
        ("No effusion.", None, "no effusion"),
        ("Seen on ___ by Dr. ___ and _b", "seen on ___ by dr ___ and _b", "seen on by dr and b"),
        ("Opacité à gauche, œdème du poumon", "opacit gauche dme du poumon", "opacite a gauche oedeme du poumon"),
        ("胸部正常 无急性病变 心影不大", None, "胸部正常 无急性病变 心影不大"),
        ("Грудная клетка без изменений", None, "грудная клетка без изменений"),
        ("Shift of .5 cm.2. No change", "shift of 5 cm no change", "shift of .5 cm no change"),
    ],
)
def test_captions(text: str, published: str | None, corrected: str | None) -> None:
    assert caption(text, "", "published") == published
    assert caption(text, "", "corrected") == corrected


def test_impression_comes_before_findings() -> None:
    assert caption("Second part here.", "First part here.", "published") == "second part here first part here"


@pytest.mark.parametrize("rules", ["published", "corrected"])
def test_a_hundred_thousand_words_lose_none(rules: str) -> None:
    report = "Heart size is normal and lungs clear.\n" * 14_286
    assert len(caption_of_report(report, rules).split()) == 7 * 14_286


@given(st.text())
def test_published_captions_are_lower_case_ascii_words(text: str) -> None:
    result = caption(text, "", "published")
    assert result is None or re.fullmatch(r"[a-z0-9_]+( [a-z0-9_]+){2,}", result)


@given(st.text())
def test_corrected_captions_are_lower_case_words_with_single_spaces(text: str) -> None:
    result = caption(text, "", "corrected")
    assert result is None or re.fullmatch(r"\S+( \S+)*", result)
