"""Findings in the words of a report, and which of them it denies."""

from pathlib import Path

import pytest

from src.core.errors import UserError
from src.evaluation.finding_terms import SHIPPED, FindingTerms, read_terms


@pytest.fixture(scope="module")
def terms() -> FindingTerms:
    return read_terms(SHIPPED, ["support_device", "No Finding", "Enlarged Cardiomediastinum"], clean=str.lower)


def _found(terms: FindingTerms, *sentences: str) -> list[str]:
    words = [sentence.split() for sentence in sentences]
    flat = [word for sentence in words for word in sentence]
    return [
        f"{'-' if found.negated else '+'}{' '.join(flat[found.start : found.stop])}" for found in terms.mentions(words)
    ]


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("there is a large left pleural effusion", ["+pleural effusion"]),
        ("no pleural effusion or pneumothorax", ["-pleural effusion", "-pneumothorax"]),
        (
            "no evidence of focal consolidation pleural effusion or pneumothorax",
            ["-consolidation", "-pleural effusion", "-pneumothorax"],
        ),
        ("lungs are clear without nodules or masses", ["-nodules", "-masses"]),
        ("no pneumothorax but a small effusion", ["-pneumothorax", "+effusion"]),
        ("small effusion with no pneumothorax", ["+effusion", "-pneumothorax"]),
        ("pneumothorax is not seen", ["-pneumothorax"]),
        ("effusion or pneumothorax is not identified", ["-effusion", "-pneumothorax"]),
        ("the pneumothorax has resolved", ["-pneumothorax"]),
        ("effusion persists and pneumothorax has resolved", ["+effusion", "-pneumothorax"]),
        ("no change in the right effusion", ["+effusion"]),
        ("pneumonia is not excluded", ["+pneumonia"]),
        ("cannot exclude pneumonia", ["+pneumonia"]),
        ("the heart is mildly enlarged", ["+heart is mildly enlarged"]),
        ("the heart is not enlarged", ["-heart is not enlarged"]),
        ("no support devices are present", ["-support devices"]),
        ("bibasilar opacities", ["+opacities"]),
        ("a male patient was seen over the weekend", []),
        ("no finding", []),
        ("enlarged cardiomediastinum", ["+enlarged cardiomediastinum"]),
    ],
)
def test_what_is_named_and_what_is_denied(terms: FindingTerms, sentence: str, found: list[str]) -> None:
    assert _found(terms, sentence) == found


def test_a_denial_ends_with_its_sentence(terms: FindingTerms) -> None:
    assert _found(terms, "no effusion", "large nodule") == ["-effusion", "+nodule"]


def test_two_names_of_one_finding_are_one_finding(terms: FindingTerms) -> None:
    (one, other) = terms.mentions([["rib", "fracture", "and", "another", "fracture"]])
    assert (one.finding, other.finding) == ("fracture", "fracture")
    assert (one.start, one.stop, other.start, other.stop) == (0, 2, 4, 5)


def test_another_language(tmp_path: Path) -> None:
    path = tmp_path / "de.yaml"
    path.write_text(
        "findings:\n  Erguss: [pleuraerguss, erguss]\nnegation:\n  before: [kein]\n  after: [nicht nachweisbar]\n",
        encoding="utf-8",
    )
    german = read_terms(path, [], clean=str.lower)
    assert _found(german, "kein pleuraerguss", "kleiner erguss rechts", "erguss nicht nachweisbar") == [
        "-pleuraerguss",
        "+erguss",
        "-erguss",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, r"cannot be read \(No such file or directory\)"),
        ("findings: [a]", "has no mapping findings"),
        ("findings: {a: [b]}", "has no mapping negation"),
        ("findings: {a: b}\nnegation: {}", r"findings\.a is no list of words"),
        ("findings: {a: [b]}\nnegation: {before: [no]}", r"negation\.before is no list of words; quote"),
        ("findings: {a: [b", "cannot be read"),
    ],
)
def test_a_file_of_another_form(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "terms.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        read_terms(path, [], clean=str)
