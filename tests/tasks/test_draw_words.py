"""Which phrases of a report get a heat map."""

from src.evaluation.finding_terms import Mention
from src.tasks.draw_words import Phrase, choose_phrases


def _phrase(finding: str, start: int, *, negated: bool = False) -> Phrase:
    return Phrase(f"{finding} {start}", Mention(finding, start, start + 1, negated))


def test_stated_findings_come_first_and_each_once() -> None:
    phrases = [
        _phrase("effusion", 1, negated=True),
        _phrase("nodule", 3),
        _phrase("nodule", 5),
        _phrase("edema", 7),
        _phrase("effusion", 9),
        _phrase("mass", 11, negated=True),
    ]
    assert [phrase.text for phrase in choose_phrases(phrases)] == ["nodule 3", "edema 7", "effusion 9", "effusion 1"]
    assert choose_phrases([]) == []
