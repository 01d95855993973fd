"""The report says what is there, denies only what is not, and knows where each of its sentences stands."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data.phantom.findings import FINDING_NAMES
from src.data.phantom.study import PhantomStudy, make_study
from src.data.report import read_sections

KEYWORDS = {
    "cardiomegaly": r"cardiomegaly|enlarge",
    "effusion": r"effusion",
    "consolidation": r"consolidat",
    "pneumothorax": r"pneumothora",
    "nodule": r"nodul",
    "atelectasis": r"atelecta",
    "edema": r"edema",
    "fracture": r"fracture",
    "support_device": r"\btubes?\b|catheter|pacemaker|central line|jugular line|support devices",
}
NEGATED = re.compile(r"^no\b|\bno\b|\bnot enlarged|clear$", re.IGNORECASE)
UNSURE = re.compile(r"\b(may|possible|probable|likely|suspicious|suggestive|cannot be excluded)\b", re.IGNORECASE)


def _sentence(study: PhantomStudy, number: int) -> str:
    entry = study.sentences[number]
    return " ".join(study.report[entry.start : entry.end].split())


def _mentions(text: str) -> set[str]:
    return {name for name, pattern in KEYWORDS.items() if re.search(pattern, text, re.IGNORECASE)}


def _check(study: PhantomStudy) -> None:
    there = {finding.name for finding in study.findings}
    said: set[str] = set()
    for number, entry in enumerate(study.sentences):
        text = _sentence(study, number)
        mentioned = _mentions(text)
        spoken_of = {study.findings[i].name for i in entry.instances}
        if NEGATED.search(text) and not entry.instances:
            assert not mentioned & there, text
            assert entry.polarity in ("negative", "other"), text
        else:
            assert mentioned <= there, text
            assert spoken_of == mentioned, text
            said |= mentioned
        if UNSURE.search(text) and entry.instances:
            assert entry.polarity == "uncertain", text
    assert said == there


@given(st.integers(0, 2**31 - 1), st.integers(0, 10**6), st.sampled_from([0.0, 0.16, 0.5, 1.0]))
def test_report_agrees_with_the_findings(seed: int, index: int, prevalence: float) -> None:
    _check(make_study(seed=seed, index=index, prevalence=prevalence))


def test_report_agrees_with_the_findings_in_many_studies() -> None:
    for index in range(600):
        _check(make_study(seed=1, index=index, prevalence=0.3))


def test_labels_follow_the_findings() -> None:
    for index in range(50):
        study = make_study(seed=2, index=index, prevalence=0.3)
        assert set(np.array(FINDING_NAMES)[study.labels == 1]) == {finding.name for finding in study.findings}
        assert study.labels.dtype == np.float32


def test_sentences_name_the_side_and_the_zone() -> None:
    zones = {"upper": "upper", "mid": "mid|middle", "lower": "lower|base"}
    placed = 0
    for index in range(300):
        study = make_study(seed=3, index=index, prevalence=0.3)
        for number, entry in enumerate(study.sentences):
            for finding in (study.findings[i] for i in entry.instances):
                text = _sentence(study, number).lower()
                if finding.name in ("consolidation", "nodule", "atelectasis", "pneumothorax", "effusion", "fracture"):
                    both = len(entry.instances) == 2
                    assert ("bilateral" if both else finding.side) in text, text
                    assert {"left": "right", "right": "left"}[finding.side] not in text, text
                if finding.name in ("consolidation", "nodule"):
                    assert re.search(zones[finding.zone], text), text
                    placed += 1
    assert placed > 100


def test_a_report_has_the_sections_of_mimic() -> None:
    for index in range(100):
        study = make_study(seed=4, index=index, prevalence=0.16)
        for heading in ("EXAMINATION", "INDICATION", "COMPARISON", "FINDINGS", "IMPRESSION"):
            assert study.report.count(f"\n {heading}:  ") == 1
        sections = read_sections(study.report, "published")
        for section, body in (("findings", sections.findings), ("impression", sections.impression)):
            mine = [_sentence(study, n) for n, entry in enumerate(study.sentences) if entry.section == section]
            assert mine
            assert re.sub(r"(^|\s)\d\. (?=[A-Z0-9])", r"\1", " ".join(body.split())) == " ".join(mine)


@pytest.mark.parametrize(
    "phrase", ["no pleural effusion", "may represent", "cannot be excluded", "compared to", "unchanged"]
)
def test_wording_has_negations_hedges_and_comparisons(phrase: str) -> None:
    reports = [" ".join(make_study(seed=5, index=i, prevalence=0.16).report.lower().split()) for i in range(300)]
    assert sum(phrase in report for report in reports) >= 5


def test_nothing_is_compared_where_there_is_no_earlier_film() -> None:
    words = re.compile(
        r"prior study|compared to prior|unchanged|previous radiograph|interval\.|which is new|in the interval"
    )
    for index in range(300):
        study = make_study(seed=6, index=index, prevalence=0.3)
        if re.search(r"COMPARISON:  No", study.report):
            assert not any(words.search(_sentence(study, n)) for n in range(len(study.sentences)))


def test_reports_differ_from_each_other() -> None:
    reports = {make_study(seed=7, index=i, prevalence=0.16).report for i in range(500)}
    assert len(reports) == 500


def test_lungs_are_clear_only_where_nothing_is_in_them() -> None:
    seen = 0
    for index in range(300):
        study = make_study(seed=8, index=index, prevalence=0.16)
        there = {finding.name for finding in study.findings}
        texts = [_sentence(study, number).lower() for number in range(len(study.sentences))]
        if any("lungs are clear" in text for text in texts):
            assert not there - {"cardiomegaly", "fracture", "support_device"}
            seen += 1
        if any(phrase in text for text in texts for phrase in ("no acute cardiopulmonary", "no radiographic evidence")):
            assert not there
    assert seen > 20
