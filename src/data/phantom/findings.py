"""What is wrong with a phantom patient: findings with side, zone, size and severity, several at once.

``left`` and ``right`` are the patient's; on the picture the patient's right is on the left.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Side = Literal["left", "right", "both"]
Zone = Literal["upper", "mid", "lower"]
Cell = tuple[str, str]

FINDING_NAMES = (
    "cardiomegaly",
    "effusion",
    "consolidation",
    "pneumothorax",
    "nodule",
    "atelectasis",
    "edema",
    "fracture",
    "support_device",
)
DEVICES = ("endotracheal tube", "central line", "pacemaker", "enteric tube", "chest tube")
_SIDES: tuple[Side, Side] = ("left", "right")
_ZONES: tuple[Zone, ...] = ("upper", "mid", "lower")
_CROWDED = 4
_SPACE = ("pneumothorax", "effusion", "atelectasis", "consolidation", "nodule")
_ORDER = (*_SPACE, "cardiomegaly", "edema", "fracture", "support_device")


@dataclass(frozen=True)
class Finding:
    """One instance of a finding in one patient.

    ``side`` and ``zone``: where; ``both`` for heart and edema. ``grade``: 0 mild or small, 1 moderate,
    2 severe or large. ``size``: position within the grade, 0 to 1.
    ``spot``: where inside its zone, each 0 to 1. ``kind``: which device, or the finding's own variant.
    ``wobble``: eight numbers in -1 to 1 that shape the outline.
    """

    name: str
    side: Side
    zone: Zone
    grade: int
    size: float
    spot: tuple[float, float]
    kind: str
    wobble: tuple[float, ...]

    @property
    def extent(self) -> float:
        """Grade and size on one scale, 0 (smallest mild) to 1 (largest severe)."""
        return (self.grade + 0.15 + 0.7 * self.size) / 3


class _Patient:
    """Places findings in the six lung zones so that none hides another."""

    def __init__(self, rng: np.random.Generator, present: set[str]) -> None:
        self.rng = rng
        self.present = present
        self.crowded = sum(name in present for name in _SPACE) >= _CROWDED
        self.taken: set[Cell] = set()
        self.findings: list[Finding] = []

    def add(self, name: str, side: Side, zone: Zone, grade: int, kind: str = "") -> None:
        numbers = self.rng.random(11)
        wobble = tuple(float(x) for x in 2 * numbers[3:] - 1)
        spot = (float(numbers[1]), float(numbers[2]))
        self.findings.append(Finding(name, side, zone, grade, float(numbers[0]), spot, kind, wobble))

    def grade(self, weights: tuple[float, float, float] = (0.35, 0.4, 0.25)) -> int:
        return int(np.searchsorted(np.cumsum(weights), self.rng.random()))

    def side(self) -> Side:
        return _SIDES[int(self.rng.integers(2))]

    def free(self, zones: tuple[Zone, ...]) -> list[tuple[Side, Zone]]:
        return [(side, zone) for side in _SIDES for zone in zones if (side, zone) not in self.taken]

    def take(self, zones: tuple[Zone, ...]) -> tuple[Side, Zone]:
        cells = self.free(zones)
        cell = cells[int(self.rng.integers(len(cells)))]
        self.taken.add(cell)
        return cell

    def pneumothorax(self) -> None:
        grade = 0 if self.crowded else self.grade()
        side, zone = self.take(("upper",))
        self.taken |= {(side, z) for z in _ZONES[: grade + 1]}
        self.add("pneumothorax", side, zone, grade)

    def effusion(self) -> None:
        grade = min(self.grade(), 1 if self.crowded else 2)
        side, _ = self.take(("lower",))
        both = not self.crowded and self.rng.random() < 0.25 and bool(self.free(("lower",)))
        for where in _SIDES if both else (side,):
            self.taken |= {(where, "lower")} | ({(where, "mid")} if grade == 2 else set())
            self.add("effusion", where, "lower", grade)

    def atelectasis(self) -> None:
        lower: tuple[Zone, ...] = ("lower",)
        side, zone = self.take(lower if self.free(lower) else _ZONES)
        self.add("atelectasis", side, zone, self.grade())

    def consolidation(self) -> None:
        self._spots("consolidation")

    def nodule(self) -> None:
        self._spots("nodule")

    def _spots(self, name: str) -> None:
        several = not self.crowded and len(self.free(_ZONES)) > 2 and self.rng.random() < 0.2
        for _ in range(2 if several else 1):
            side, zone = self.take(_ZONES)
            self.add(name, side, zone, self.grade())

    def cardiomegaly(self) -> None:
        self.add("cardiomegaly", "both", "lower", self.grade())

    def edema(self) -> None:
        self.add("edema", "both", "mid", self.grade())

    def fracture(self) -> None:
        self.add("fracture", self.side(), _ZONES[int(self.rng.integers(3))], self.grade())

    def support_device(self) -> None:
        first = int(self.rng.integers(len(DEVICES)))
        second = (first + 2) % len(DEVICES)
        for number in (first, second) if self.rng.random() < 0.3 else (first,):
            self.add("support_device", self.side(), "upper", 1, DEVICES[number])


def draw_findings(rng: np.random.Generator, prevalence: float) -> tuple[Finding, ...]:
    """Draw a patient's findings; each of the nine is present independently with probability ``prevalence``.

    Lung findings never share a zone. Large ones are made smaller where four or more kinds must fit.
    """
    present = {name for name, x in zip(FINDING_NAMES, rng.random(len(FINDING_NAMES)), strict=True) if x < prevalence}
    patient = _Patient(rng, present)
    for name in _ORDER:
        if name in present:
            getattr(patient, name)()
    return tuple(patient.findings)


def nodule_diameter(finding: Finding) -> float:
    """Diameter of a nodule as a fraction of the picture's width, before pose."""
    return 0.046 + 0.036 * finding.extent


def rib_number(finding: Finding) -> int:
    """Which rib a fracture breaks, 3 to 8."""
    return {"upper": 3, "mid": 5, "lower": 7}[finding.zone] + int(finding.spot[0] > 0.5)


def tube_height(finding: Finding) -> float:
    """How far an endotracheal tube ends above the carina, in cm."""
    return round(2.5 + 3.5 * finding.spot[0], 1)
