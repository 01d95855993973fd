"""What is wrong with the figures of a single finding: nothing to learn it from, or nothing to choose its threshold by.

Axes: N images, F findings.
"""

from collections.abc import Sequence
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
        """The lines below the table."""
        lines = []
        if self.untaught:
            lines.append(
                f"{UNTAUGHT} {_listed(self.untaught)}: among the training images there is none with it, or none "
                "without it, so that nothing could be learnt of it; its figures say nothing of the encoder, and are "
                "in the means all the same."
            )
        if self.undecided:
            lines.append(
                f"{UNDECIDED} {_listed(self.undecided)}: the validation images choose the threshold, and among them "
                "there is none with it, or none without it; F1, sensitivity and specificity are left out here and in "
                "their means."
            )
        return lines


def _listed(names: Sequence[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)
