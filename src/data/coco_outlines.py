"""The ``segmentation`` of COCO annotations: polygons, or run lengths down the columns, plain or as text.

The format: cocodataset.org/#format-data; the text is that of pycocotools (``rleToString`` in its maskApi.c).
Axes: H and W pixels, R runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from src.data.outlines import Outline, Polygon

_MORE, _SIGN, _BITS = 0x20, 0x10, 5
_FIRST, _LONGEST = 48, 7


@dataclass(frozen=True, slots=True)
class Polygons:
    """Several polygons of one thing."""

    parts: tuple[Polygon, ...]

    def draw(self, height: int, width: int) -> np.ndarray:
        return np.logical_or.reduce([part.draw(height, width) for part in self.parts])


@dataclass(frozen=True, slots=True)
class ColumnRuns:
    """How many pixels are outside, how many inside, and so on, column by column from the top left."""

    runs: tuple[int, ...]

    def draw(self, height: int, width: int) -> np.ndarray:
        inside_R = np.arange(len(self.runs)) % 2 == 1
        return np.repeat(inside_R, self.runs).reshape(width, height).T


def read_outline(written: Any, height: int, width: int, overhang: float) -> Outline | None:
    """A ``segmentation`` as it stands in the json of an image of ``height`` x ``width``; None where there is none.

    Raises ``ValueError``, whose text completes a sentence about the annotation, for anything else than polygons that
    reach out of the image by ``overhang`` of a side at most, or runs of the image's own size.
    """
    if written is None or written == []:
        return None
    if isinstance(written, list):
        return Polygons(tuple(_polygon(corners, height, width, overhang) for corners in written))
    if isinstance(written, dict) and isinstance(written.get("size"), list) and "counts" in written:
        if written["size"] != [height, width]:
            raise ValueError(f"has a segmentation of the size {written['size']}, and its image is {[height, width]}")
        return _runs(written["counts"], height * width)
    raise ValueError("has a segmentation that is neither polygons nor run lengths")


def _polygon(corners: Any, height: int, width: int, overhang: float) -> Polygon:
    numbers = isinstance(corners, list) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in corners
    )
    if not numbers or len(corners) < 6 or len(corners) % 2:
        raise ValueError("has a polygon that is not the x and y of three corners or more")
    corner_N2 = np.array(corners, dtype=np.float64).reshape(-1, 2)
    size_2 = np.array([width, height])
    # also where it is not a number
    if not ((corner_N2 >= -overhang * size_2) & (corner_N2 <= (1 + overhang) * size_2)).all():
        raise ValueError("has a polygon that reaches out of its image")
    return Polygon(tuple(corner_N2.ravel().tolist()))


def _runs(counts: Any, pixels: int) -> ColumnRuns:
    runs: Sequence[Any] = _decoded(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(isinstance(run, int) and 0 <= run <= pixels for run in runs):
        raise ValueError("has a run-length segmentation that is not a list of whole numbers")
    if sum(runs) != pixels:
        raise ValueError(f"has a run-length segmentation of {sum(runs)} pixels, and its image has {pixels}")
    return ColumnRuns(tuple(runs))


def _decoded(text: str) -> list[int]:
    """Numbers of five bits a character, lowest first; from the fourth on the difference from the one before last."""
    runs: list[int] = []
    number = place = 0
    for character in text:
        code = ord(character) - _FIRST
        if not 0 <= code < 2 * _MORE or place == _LONGEST:
            raise ValueError("has a run-length segmentation whose text is damaged")
        number |= (code & (_MORE - 1)) << (_BITS * place)
        place += 1
        if code & _MORE:
            continue
        if code & _SIGN:
            number -= 1 << (_BITS * place)
        runs.append(number + runs[-2] if len(runs) > 2 else number)
        number = place = 0
    if place:
        raise ValueError("has a run-length segmentation whose text is cut off")
    return runs
