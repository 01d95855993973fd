"""What is wrong with the figures of a single finding: nothing to learn it from, or nothing to choose its threshold by.

Axes: N images, F findings.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from src.evaluation.cases import Scores
from src.evaluation.resample import evaluable_findings
from src.evaluation.threshold import without_threshold

UNTAUGHT, UNDECIDED = "†", "‡"


class ClassMarks(NamedTuple):
    """The findings that a table marks."""

    untaught: tuple[str, ...]
    """Of which the training images hold no positive, or no negative."""
    undecided: tuple[str, ...]
    """Of which the validation images could choose no threshold."""

    @classmethod
    def of(cls, cases: Scores, train_NF: Tensor) -> "ClassMarks":
        """``train_NF``: the labels of the images that the classifier was trained on."""
        taught = evaluable_findings(train_NF)
        untaught = tuple(name for f, name in enumerate(cases.names) if f not in taught)
        return cls(untaught, tuple(without_threshold(cases)))

    def label(self, name: str) -> str:
        """The signs that stand behind a finding's name in a table; empty where nothing is wrong."""
        signs = UNTAUGHT * (name in self.untaught) + UNDECIDED * (name in self.undecided)
        return f" {signs}" if signs else ""

    def notes(self) -> list[str]:
        """The lines below the table of one classifier."""
        return _notes(_listed(self.untaught), _listed(self.undecided))


def notes_of_several(marks: Mapping[str, Sequence[ClassMarks]]) -> list[str]:
    """Return the lines below a table of several classifiers: a line per sign, and per finding how many it is true of.

    ``marks``: those of each column's classifiers, by the column's title.
    """
    return _notes(*(_counted(marks, place) for place in range(len(ClassMarks._fields))))


def _notes(untaught: str, undecided: str) -> list[str]:
    lines = []
    if untaught:
        lines.append(
            f"{UNTAUGHT} {untaught}: among the training images there is none with it, or none without it, so that "
            "nothing could be learnt of it; its figures say nothing of the encoder, and are in the means all the same."
        )
    if undecided:
        lines.append(
            f"{UNDECIDED} {undecided}: the validation images choose the threshold, and among them there is none with "
            "it, or none without it; F1, sensitivity and specificity are left out here and in their means."
        )
    return lines


def _counted(marks: Mapping[str, Sequence[ClassMarks]], place: int) -> str:
    """Each column's marked findings, with the number of its classifiers where it is not all of them."""
    said = []
    for title, several in marks.items():
        count = Counter(name for one in several for name in one[place])
        names = [
            _spoken(name) if number == len(several) else f"{_spoken(name)} ({number} of {len(several)} seeds)"
            for name, number in count.items()
        ]
        if names:
            said.append(f"at {title} {', '.join(names)}")
    return "; ".join(said)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(_spoken, names))


def _spoken(name: str) -> str:
    return name.replace("_", " ")
