"""Prompts, and every prompt file that is shipped."""

from pathlib import Path

import pytest
import yaml

from src.core.errors import UserError
from src.data.phantom.findings import FINDING_NAMES
from src.data.report import caption_of_report
from src.evaluation.prompts import PromptPair, Prompts

CONF = Path(__file__).resolve().parents[2] / "conf" / "prompts"
TEMPLATE = {"positive": ["There is {finding}."], "negative": ["No {finding} is seen."]}


def shipped(name: str) -> Prompts:
    generic = yaml.safe_load((CONF / "generic.yaml").read_text())
    own = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    return Prompts(template=generic["template"], findings=own.get("findings", {}))


def test_own_sentences_before_the_template():
    prompts = Prompts(template=TEMPLATE, findings={"edema": {"positive": ["Wet lungs."], "negative": ["Dry lungs."]}})
    assert prompts.for_findings(["support_device", "edema"]) == {
        "support_device": PromptPair(("There is support device.",), ("No support device is seen.",)),
        "edema": PromptPair(("Wet lungs.",), ("Dry lungs.",)),
    }


def test_unknown_finding():
    prompts = Prompts(template=TEMPLATE, findings={"oedema": TEMPLATE})
    with pytest.raises(UserError, match=r"prompts\.findings\.oedema.*its findings are edema"):
        prompts.for_findings(["edema"])


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


def test_the_phantom_has_sentences_of_its_own_for_all_findings():
    own = yaml.safe_load((CONF / "phantom.yaml").read_text())["findings"]
    assert tuple(own) == FINDING_NAMES
