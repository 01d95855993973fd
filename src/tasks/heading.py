"""The heading of every table and the title of every picture: which cases of which data set, and which model."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from src.core.case_keys import CaseKeys
from src.core.evaluated_model import EvaluatedModel
from src.data.sources import Split

FEW = 100
"""Fewer patients than this are said to be few: a share of so many is uncertain by up to a tenth."""

_SPLITS = {"train": "training", "val": "validation", "test": "test"}
_NOT_HELD_OUT = {
    "train": "The training split is not held out: what is trained here, or was before, may have seen it.",
    "val": "The validation split is not held out: it chooses checkpoints, thresholds and settings, where any are.",
}


@dataclass(frozen=True, kw_only=True)
class Heading:
    """``cases``: how many of what, and of which data set. ``model``: what was evaluated. ``notes``: what else a reader
    of the figures must know, a sentence each.
    """

    cases: str
    model: EvaluatedModel
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """Cases and model in one line, for a picture."""
        return f"{self.cases}; {self.model.title}"

    @property
    def text(self) -> str:
        """The title and the notes, a line each."""
        return "\n".join([self.title, *self.notes])

    def with_notes(self, *notes: str) -> "Heading":
        """The same with further notes."""
        return replace(self, notes=(*self.notes, *notes))


def heading_of(
    model: EvaluatedModel,
    keys: CaseKeys,
    *,
    split: Split,
    dataset: str,
    cases: Literal["images", "studies", "phrases"],
) -> Heading:
    """The heading of figures that were measured on ``keys``, the cases of ``split``.

    Patients are counted where a patient has several images. Fewer than ``FEW`` patients, and a split that is not held
    out, are said in the notes.
    """
    patients, rows = len(keys.group_N.unique()), len(keys.row_N.unique())
    of_images = f"phrases of {rows:,} {_SPLITS[split]} images" if cases == "phrases" else f"{_SPLITS[split]} {cases}"
    of_patients = f" of {patients:,} patients" if patients < rows else ""
    notes = []
    if patients < FEW:
        uncertain = 1.96 * 0.5 / math.sqrt(max(patients, 1))
        notes.append(
            f"Few patients ({patients}, fewer than {FEW}): a share of so many is uncertain by up to {uncertain:.2f} to "
            "either side (95 %)."
        )
    if split in _NOT_HELD_OUT:
        notes.append(_NOT_HELD_OUT[split])
    return Heading(cases=f"{len(keys):,} {of_images}{of_patients}, {dataset}", model=model, notes=tuple(notes))
