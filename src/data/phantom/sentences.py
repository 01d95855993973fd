"""One finding, or a pair of them, into words."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from src.data.phantom.findings import Finding, nodule_diameter, rib_number, tube_height
from src.data.phantom.grammar import DEVICE_SHORT, DEVICES, WORDINGS

Polarity = Literal["positive", "uncertain", "negative", "other"]
CENTIMETRES = 40
_PLACES = {"upper": ("upper lobe", "upper lung", "upper zone"), "lower": ("lower lobe", "lung base", "lower lung")}
_MIDDLE = {"right": ("middle lobe", "mid lung", "mid zone"), "left": ("mid lung", "mid zone")}
_RIBS = {3: "third", 4: "fourth", 5: "fifth", 6: "sixth", 7: "seventh", 8: "eighth"}
_UNPLACED = {"cardiomegaly": "heart", "edema": "both lungs", "support_device": "devices"}


@dataclass(frozen=True)
class Statement:
    """One sentence before it has its place in a report: words, the findings spoken of (their numbers), region."""

    text: str
    instances: tuple[int, ...]
    region: str
    polarity: Polarity


class Chooser:
    """Picks among wordings with one random stream."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._numbers = iter(rng.random(256).tolist())

    def one(self, options: tuple[str, ...]) -> str:
        return options[int(next(self._numbers) * len(options))]

    def chance(self, share: float) -> bool:
        return next(self._numbers) < share


def region_of(finding: Finding) -> str:
    """The region that a sentence on this finding speaks of."""
    if finding.name in _UNPLACED:
        return _UNPLACED[finding.name]
    part = {"effusion": "pleura", "pneumothorax": "pleura", "fracture": "ribs"}.get(finding.name, "lung")
    return f"{finding.side} {finding.zone} {part}"


def state(choose: Chooser, group: tuple[tuple[int, Finding], ...], *, short: bool, hedge: bool, was: str) -> Statement:
    """One sentence on the findings of ``group``, which are one, or the same on both sides.

    ``short``: for the impression. ``hedge``: leave doubt. ``was``: the comparison to append, or nothing.
    """
    first = group[0][1]
    if first.name == "support_device":
        template = choose.one(DEVICES[first.kind])
        if short:
            template = choose.one(DEVICE_SHORT)
    else:
        wording = WORDINGS[first.name]
        template = choose.one(wording.short if short else wording.hedged if hedge else wording.plain)
    side = first.side if len(group) == 1 else "bilateral"
    text = _fill(template, _slots(choose, first, side), was)
    if side == "bilateral":
        text = _plural(text)
    polarity: Polarity = "uncertain" if hedge and first.name != "support_device" else "positive"
    region = region_of(first) if len(group) == 1 else f"both {first.zone} pleura"
    return Statement(text, tuple(number for number, _ in group), region, polarity)


def _slots(choose: Chooser, finding: Finding, side: str) -> dict[str, str]:
    places = _MIDDLE.get(finding.side, ()) if finding.zone == "mid" else _PLACES[finding.zone]
    slots = {"side": side, "zone": finding.zone, "device": finding.kind, "tip": _tip(finding)}
    if places and finding.side != "both":
        slots["place"] = f"{side} {choose.one(places)}"
    if finding.name in WORDINGS:
        slots["grade"] = WORDINGS[finding.name].grades[finding.grade]
        slots["a_grade"] = ("an " if slots["grade"][0] in "aeiou" else "a ") + slots["grade"]
    if finding.name == "nodule":
        slots["n"] = f"{nodule_diameter(finding) * CENTIMETRES:.1f}"
    if finding.name == "fracture":
        slots["nth"] = _RIBS[rib_number(finding)]
    if finding.kind == "endotracheal tube":
        slots["n"] = f"{tube_height(finding):.1f}"
    if finding.kind in ("central line", "pacemaker", "chest tube"):
        slots["device"] = f"{side} {finding.kind}"
    return slots


def _tip(finding: Finding) -> str:
    return "lower" if finding.spot[1] > 0.5 else "upper"


def _fill(template: str, slots: dict[str, str], was: str) -> str:
    capital = {key.capitalize(): value[:1].upper() + value[1:] for key, value in slots.items()}
    return template.format(**slots, **capital, was=was)


def _plural(text: str) -> str:
    for one, many in (
        ("There is a ", "There are "),
        ("A bilateral pleural effusion is", "Bilateral pleural effusions are"),
        ("reflects a ", "reflects "),
        ("represent a ", "represent "),
        ("effusion is ", "effusions are "),
        ("effusion layers at the lung base", "effusions layer at the lung bases"),
        ("pleural effusion", "pleural effusions"),
        ("effusionss", "effusions"),
        ("costophrenic angle", "costophrenic angles"),
    ):
        text = text.replace(one, many)
    return text
