"""The phantom's report in MIMIC-CXR's form: it says what the picture shows, and nothing that it does not show."""

from dataclasses import dataclass

import numpy as np

from src.data.phantom import phrases
from src.data.phantom.anatomy import Anatomy
from src.data.phantom.findings import Finding
from src.data.phantom.sentences import Chooser, Polarity, Statement, state

Group = tuple[tuple[int, Finding], ...]
_LINE = 78
_LUNG = ("consolidation", "nodule", "atelectasis", "edema", "effusion", "pneumothorax")
_URGENT = ("pneumothorax", "edema", "consolidation", "effusion", "nodule", "fracture", "cardiomegaly", "atelectasis")


@dataclass(frozen=True)
class Sentence:
    """A sentence of FINDINGS or IMPRESSION: report[start:end], where line breaks may stand for spaces.

    ``instances``: numbers of the study's findings that it speaks of. ``region``: what it looks at, "" for nothing.
    ``polarity``: the findings are there (positive), may be there (uncertain, said only of findings that are),
    or are not (negative); other sentences speak of no finding.
    """

    start: int
    end: int
    section: str
    instances: tuple[int, ...]
    region: str
    polarity: Polarity


class _Writer:
    """Grows the text line by line as MIMIC-CXR sets it and remembers where each sentence stands."""

    def __init__(self) -> None:
        self.text = " " * 33 + "FINAL REPORT"
        self.sentences: list[Sentence] = []
        self.column = 0

    def heading(self, name: str, content: str = "") -> None:
        self.text += f"\n {name}:  {content}"
        self.text += "\n \n " if not content else "\n "
        self.column = 1

    def sentence(self, statement: Statement, section: str) -> None:
        text = statement.text[0].upper() + statement.text[1:] + "."
        start = 0
        for number, word in enumerate(text.split(" ")):
            full = self.column + len(word) > _LINE
            self.text += "\n " if full else " " if self.column > 1 else ""
            self.column = (1 if full else self.column + (self.column > 1)) + len(word)
            start = len(self.text) if number == 0 else start
            self.text += word
        entry = (section, statement.instances, statement.region, statement.polarity)
        self.sentences.append(Sentence(start, len(self.text), *entry))

    def item(self, number: int) -> None:
        if number > 1:
            self.text += "\n "
        self.text += f"{number}."
        self.column = 1 + len(f"{number}.")


def write_report(
    rng: np.random.Generator, anatomy: Anatomy, findings: tuple[Finding, ...]
) -> tuple[str, tuple[Sentence, ...]]:
    """The report of one study and where each of its sentences stands. The picture is not needed."""
    choose = Chooser(rng)
    groups = _groups(findings)
    before = choose.chance(0.5)
    was = _comparisons(choose, groups) if before else ("",) * len(groups)
    body = _findings(choose, groups, was, anatomy)
    if before and choose.chance(0.25):
        body.append(Statement(choose.one(phrases.INTERVAL), (), "", "other"))
    if choose.chance(0.35):
        body.append(Statement(choose.one(phrases.ASIDES), (), "", "other"))
    writer = _Writer()
    writer.heading("EXAMINATION", choose.one(phrases.EXAMINATIONS))
    writer.heading("INDICATION", choose.one(phrases.INDICATIONS))
    writer.heading("COMPARISON", choose.one(phrases.EARLIER if before else phrases.NO_EARLIER) + ".")
    writer.heading("FINDINGS")
    for statement in body:
        writer.sentence(statement, "findings")
    writer.text += "\n "
    writer.heading("IMPRESSION")
    impression = _impression(choose, groups, was)
    for number, statement in enumerate(impression, start=1):
        if len(impression) > 1:
            writer.item(number)
        writer.sentence(statement, "impression")
    return writer.text + "\n", tuple(writer.sentences)


def _groups(findings: tuple[Finding, ...]) -> list[Group]:
    """Findings to speak of in one sentence: effusions of both sides together, all others alone."""
    effusions = tuple((i, f) for i, f in enumerate(findings) if f.name == "effusion")
    alone = [((i, f),) for i, f in enumerate(findings) if f.name != "effusion"]
    return [effusions, *alone] if effusions else list(alone)


def _comparisons(choose: Chooser, groups: list[Group]) -> tuple[str, ...]:
    return tuple(
        choose.one(phrases.SEEN_BEFORE[choose.one(tuple(phrases.SEEN_BEFORE))]) if choose.chance(0.5) else ""
        for _ in groups
    )


def _findings(choose: Chooser, groups: list[Group], was: tuple[str, ...], anatomy: Anatomy) -> list[Statement]:
    there = {group[0][1].name for group in groups}
    spoken = [
        state(choose, group, short=False, hedge=choose.chance(0.2), was=then)
        for group, then in zip(groups, was, strict=True)
    ]
    body = spoken + _incidental(choose, anatomy) + _absent(choose, there)
    order = sorted(range(len(body)), key=lambda _: choose.chance(0.5))
    return [body[i] for i in order]


def _absent(choose: Chooser, there: set[str]) -> list[Statement]:
    """What is said not to be there: only findings that are not."""
    said = []
    if not there & set(_LUNG):
        said.append(Statement(choose.one(phrases.CLEAR), (), "both lungs", "negative"))
    missing = [name for name in phrases.ABSENT if name not in there and choose.chance(0.45)]
    if missing:
        names = [choose.one(phrases.ABSENT[name]) for name in missing[:3]]
        listed = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]
        text = choose.one(phrases.ABSENT_FRAMES).format(list=listed)
        said.append(Statement(text, (), "both lungs", "negative"))
    for name, options, region, share in (
        ("cardiomegaly", phrases.NORMAL_HEART, "heart", 0.7),
        ("fracture", phrases.NO_FRACTURE, "ribs", 0.35),
        ("support_device", phrases.NO_DEVICE, "devices", 0.15),
    ):
        if name not in there and choose.chance(share):
            said.append(Statement(choose.one(options), (), region, "negative"))
    return said


def _incidental(choose: Chooser, anatomy: Anatomy) -> list[Statement]:
    """Traits of the patient and the film that anyone can see, though they are no findings."""
    side = "left" if anatomy.curve > 0 else "right"
    traits = (
        (anatomy.volumes == "low", phrases.LOW_VOLUMES, "both lungs"),
        (anatomy.volumes == "high", phrases.HIGH_VOLUMES, "both lungs"),
        (anatomy.aorta > 0.02, phrases.WIDE_AORTA, "mediastinum"),
        (abs(anatomy.curve) > 0.01, phrases.SCOLIOSIS, "spine"),
        (anatomy.bubble > 0, phrases.BUBBLE, "abdomen"),
        (anatomy.exposure == "under", phrases.UNDER, "film"),
        (anatomy.exposure == "over", phrases.OVER, "film"),
    )
    return [
        Statement(choose.one(options).format(side=side, Side=side.capitalize()), (), region, "other")
        for seen, options, region in traits
        if seen and choose.chance(0.9)
    ]


def _impression(choose: Chooser, groups: list[Group], was: tuple[str, ...]) -> list[Statement]:
    if not groups:
        return [Statement(choose.one(phrases.NORMAL), (), "", "negative")]
    known = [(group, then) for group, then in zip(groups, was, strict=True) if group[0][1].name in _URGENT]
    ranked = sorted(known, key=lambda pair: _URGENT.index(pair[0][0][1].name))
    said = [state(choose, group, short=True, hedge=False, was=then) for group, then in ranked[:4]]
    devices = [group for group in groups if group[0][1].name == "support_device"]
    if devices and (not said or choose.chance(0.4)):
        said.append(state(choose, devices[0], short=True, hedge=False, was=""))
    return said
