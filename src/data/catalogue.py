"""What a data set holds, as its owner's tables describe it, before any image is read.

Axes: N images, F findings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.data.outlines import Outline


class Box(NamedTuple):
    """Where a finding is, in pixels of the original image: outer edges, so that the width is ``right - left``."""

    finding: int
    """Position in the catalogue's ``finding_names``."""
    left: float
    top: float
    right: float
    bottom: float
    row: int
    """The row of its table, from 1: the one identity that a message may print."""


class OverhangingBox(Box):
    """A box that may reach out of its image by any length, and is cut there; for any other that is a fault."""

    __slots__ = ()


class Mask(NamedTuple):
    """The pixels of a finding; several masks of one finding on one image are joined."""

    finding: int
    outline: Outline
    row: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One image of a data set.

    ``file`` and ``report_file`` are paths below the catalogue's ``root`` and ``report_root``, with forward slashes.
    ``split`` is the owner's own word for it, empty where the owner made none. ``report`` is the text where a table
    holds it; a report in a file of its own is read when it is packed.
    """

    file: str
    image_id: str
    patient: str
    row: int
    split: str = ""
    view: str = ""
    report: str = ""
    report_file: str = ""
    boxes: tuple[Box, ...] = ()
    masks: tuple[Mask, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Every image of a data set, in an order that depends on the owner's tables alone.

    ``label_NF``: float32 as the owner wrote it: 1 present, 0 absent, -1 uncertain, NaN blank.
    ``version``: what version of the data set this looks like, in a phrase for people.
    ``notes``: what the reader noticed and a user should know, a sentence each.
    """

    root: Path
    finding_names: tuple[str, ...]
    entries: Sequence[Entry]
    label_NF: np.ndarray
    version: str
    report_root: Path | None = None
    notes: tuple[str, ...] = ()
