"""Phrases that name a region of an image, and how a packed report carries them.

Axes: N boxes, H and W pixels.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

_HEADING = "\n PHRASES:\n "
_SENTENCE_ENDS = (".", "!", "?", ";")


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """What is said of an image, and where.

    ``category``: the finding that it speaks of. ``box_N4``: float, left, top, right and bottom of each part of the
    region in pixels of the table's image. ``mask_HW``: the region's pixels there, bool; None where only boxes are
    known.
    """

    text: str
    category: str
    box_N4: np.ndarray
    mask_HW: np.ndarray | None


class Said(NamedTuple):
    """A phrase as a packed report carries it: its text, and how many of the image's boxes belong to it."""

    text: str
    boxes: int


def phrased_report(said: Sequence[Said]) -> str:
    """A report whose findings are the phrases, and whose last section says how many boxes each has.

    The boxes of an image stand in the order of the phrases. Captions are made of findings and impression alone, so
    they do not see the last section.
    """
    sentences = [text if text.endswith(_SENTENCE_ENDS) else f"{text}." for text, _ in said]
    return " FINDINGS:\n " + "\n ".join(sentences) + _HEADING + json.dumps(said)


def read_phrases(report: str) -> list[Said]:
    """The phrases of a report that ``phrased_report`` wrote; none where it is another report."""
    _, heading, listed = report.rpartition(_HEADING)
    return [Said(*phrase) for phrase in json.loads(listed)] if heading else []
