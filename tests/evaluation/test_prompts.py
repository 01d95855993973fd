"""Prompts, and every prompt file that is shipped."""

from itertools import product
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from src.core.errors import UserError
from src.data.datasets.chexpert import COMPETITION
from src.data.phantom.findings import FINDING_NAMES
from src.data.report import caption_of_report
from src.evaluation.prompts import PromptPair, Prompts

CONF = Path(__file__).resolve().parents[2] / "conf" / "prompts"
TEMPLATE = {"positive": ["There is {finding}."], "negative": ["No {finding} is seen."]}
PARTS = {"pattern": "There is {how} edema, {where}.", "how": ["", "mild"], "where": ["", "at the bases"]}


def shipped(name: str) -> Prompts:
    generic = yaml.safe_load((CONF / "generic.yaml").read_text())
    own = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    return Prompts(template=generic["template"], findings=own.get("findings", {}))


def edema(positive: object) -> Prompts:
    return Prompts(template=TEMPLATE, findings={"edema": {"positive": positive, "negative": ["No edema."]}})


def test_own_sentences_before_the_template():
    prompts = Prompts(template=TEMPLATE, findings={"edema": {"positive": ["Wet lungs."], "negative": ["Dry lungs."]}})
    assert prompts.for_findings(["support_device", "edema"]) == {
        "support_device": PromptPair(("There is support device.",), ("No support device is seen.",)),
        "edema": PromptPair(("Wet lungs.",), ("Dry lungs.",)),
    }


def test_every_combination_of_the_parts():
    assert edema(PARTS).for_findings(["edema"])["edema"].positive == (
        "There is edema,.",
        "There is edema, at the bases.",
        "There is mild edema,.",
        "There is mild edema, at the bases.",
    )


@given(
    words=st.lists(st.lists(st.sampled_from(["", "a", "b", "c d"]), min_size=1, max_size=4), min_size=1, max_size=3),
    twice=st.booleans(),
)
def test_as_many_sentences_as_different_combinations(words: list[list[str]], twice: bool):
    names = ["one", "two", "three"][: len(words)]
    pattern = " ".join(f"{{{name}}}" for name in (names + names[:1] if twice else names)) + " x"
    parts = {"pattern": pattern, **dict(zip(names, words, strict=True))}
    chosen = [[*pick, *pick[:1]] if twice else pick for pick in product(*words)]
    expected = {" ".join(" ".join([*pick, "x"]).split()) for pick in chosen}
    found = edema(parts).for_findings(["edema"])["edema"].positive
    assert set(found) == expected
    assert len(found) == len(expected)


def test_a_word_in_braces_is_not_filled_again():
    parts = {"pattern": "{a} {b}", "a": ["{b}"], "b": ["x"]}
    assert edema(parts).for_findings(["edema"])["edema"].positive == ("{b} x",)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"how": ["mild"]}, r"edema\.positive\.pattern is missing"),
        ({**PARTS, "how": []}, r"edema\.positive\.how is missing, empty or no list"),
        ({**PARTS, "how": "mild"}, r"edema\.positive\.how is missing, empty or no list"),
        ({"pattern": PARTS["pattern"], "how": ["mild"]}, r"edema\.positive\.where is missing"),
        ({**PARTS, "side": ["left"]}, r"edema\.positive\.side is nowhere in the pattern"),
    ],
)
def test_parts_that_do_not_fit_the_pattern(parts: dict, message: str):
    with pytest.raises(UserError, match=message):
        edema(parts)


def test_unknown_finding():
    prompts = Prompts(template=TEMPLATE, findings={"Oedema": TEMPLATE})
    with pytest.raises(UserError, match=r"prompts\.findings\.Oedema.*did you mean edema\?.*its findings are edema"):
        prompts.for_findings(["edema"])
    with pytest.raises(UserError) as nothing_near:
        prompts.for_findings(["fracture"])
    assert "did you mean" not in str(nothing_near.value)


def test_prompts_of_findings_that_were_not_chosen_are_passed_over():
    prompts = shipped("chexpert")
    assert list(prompts.for_findings(["Edema"], known=COMPETITION)) == ["Edema"]
    with pytest.raises(UserError, match="Atelectasis"):
        prompts.for_findings(["Edema"])


@pytest.mark.parametrize(
    ("lists", "key"),
    [
        ({"positive": ["a"]}, r"edema\.negative"),
        ({"positive": [], "negative": ["a"]}, r"edema\.positive"),
        ({"positive": ["a"], "negative": ["b"], "maybe": ["c"]}, r"edema\.maybe"),
    ],
)
def test_malformed_lists(lists: dict, key: str):
    with pytest.raises(UserError, match=key):
        Prompts(template=TEMPLATE, findings={"edema": lists})


@pytest.mark.parametrize("rules", ["published", "corrected"])
@pytest.mark.parametrize("name", sorted(path.stem for path in CONF.glob("*.yaml")))
def test_no_shipped_sentence_is_lost_to_cleaning(name: str, rules: str):
    own = yaml.safe_load((CONF / f"{name}.yaml").read_text()).get("findings", {})
    for pair in shipped(name).for_findings(tuple(own) or FINDING_NAMES).values():
        for sentence in (*pair.positive, *pair.negative):
            assert caption_of_report(sentence, rules), sentence
        # a sentence on both sides would cancel out
        assert not set(pair.positive) & set(pair.negative)


def test_the_phantom_has_sentences_of_its_own_for_all_findings():
    own = yaml.safe_load((CONF / "phantom.yaml").read_text())["findings"]
    assert tuple(own) == FINDING_NAMES


def test_the_five_of_chexpert_are_said_by_severity_subtype_and_place():
    own = yaml.safe_load((CONF / "chexpert.yaml").read_text())["findings"]
    assert tuple(own) == COMPETITION
    for sides in own.values():
        assert set(sides["positive"]) == {"pattern", "severity", "subtype", "place"}
        # the finding's plain name is among what is said: severity and place may be left out
        assert "" in sides["positive"]["severity"]
        assert "" in sides["positive"]["place"]
