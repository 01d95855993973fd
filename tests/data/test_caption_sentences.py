"""Sentences of captions, which are cleaned of their full stops."""

import pytest

from src.core.rules import Rules
from src.data.caption_sentences import caption_sentences, clean_words
from src.data.report import caption_of_report

REPORT = """FINDINGS:
The heart is enlarged, measuring 15.5 cm. No effusion;
no pneumothorax.

Lungs:
 - Small nodule
 - Scar
IMPRESSION:
1. Cardiomegaly is new.
2. No acute disease
"""


@pytest.mark.parametrize("rules", ["corrected", "published"])
def test_sentences_make_up_the_caption(rules: Rules) -> None:
    cleaned = caption_of_report(REPORT, rules)
    assert cleaned is not None
    sentences = caption_sentences(cleaned, REPORT, rules)
    assert [word for sentence in sentences for word in sentence] == cleaned.split()
    assert ["no", "effusion"] in sentences or ["no", "effusion", "no", "pneumothorax"] in sentences
    assert ["cardiomegaly", "is", "new"] in sentences


def test_a_denial_and_the_next_line_are_apart() -> None:
    text = "No effusion. Large nodule in the left lung"
    assert caption_sentences("no effusion large nodule in the left lung", text, "corrected") == [
        ["no", "effusion"],
        ["large", "nodule", "in", "the", "left", "lung"],
    ]


def test_words_that_the_report_does_not_hold_stay() -> None:
    assert caption_sentences("a b c", "other text", "corrected") == [["a", "b", "c"]]
    assert caption_sentences("", "", "corrected") == []


def test_short_texts_are_cleaned_too() -> None:
    assert clean_words("Pleuraerguß", "corrected") == ["pleuraerguss"]
    assert clean_words("rib fracture", "published") == ["rib", "fracture"]
    assert clean_words("", "published") == []
