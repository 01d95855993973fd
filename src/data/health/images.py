"""Checks of each image by itself: is it there, can it be read, does it show something, is it upright in tone?

Axes: N images.
"""

import numpy as np

from src.data.appearance import BLANK, INVERTED
from src.data.health.check import Check, found
from src.data.health.columns import Columns

_MARK_WORDS = ("has a box", "has a mask", "has a run-length mask")
"""How the reasons begin for which an image is set aside that are about what is drawn on it (``store.pack_image``)."""


def check_images(columns: Columns) -> list[Check]:
    """Missing, unreadable, blank, nearly blank and inverted images."""
    problem_N, row_N = columns.problem_N, columns.row_N
    missing_N = problem_N == "is missing"
    blank_N = _begins(problem_N, ("is blank",))
    unreadable_N = (problem_N != "") & ~missing_N & ~blank_N & ~about_marks(columns)
    faint_N = columns.read_N & (columns.spread_N < BLANK)
    inverted_N = columns.read_N & ~faint_N & ~lateral(columns.view_N) & (columns.tone_N < INVERTED)
    return [
        found("images missing", missing_N, row_N, state="problem", advice="complete the folder, and pack again"),
        found(
            "images unreadable",
            unreadable_N,
            row_N,
            state="problem",
            advice=f"get damaged files again; the first {_first(problem_N, unreadable_N)}",
        ),
        found("images blank", blank_N, row_N, state="problem", advice="take these rows out; they show nothing"),
        found(
            "images nearly blank",
            faint_N,
            row_N,
            state="warning",
            advice=f"look at them: their grey levels spread by less than {BLANK:.0f} of 255, at least in the middle; "
            "of DICOM files, dataset.dicom_scale=window may show more than dataset.dicom_scale=maximum, or the reverse",
        ),
        found(
            "images inverted",
            inverted_N,
            row_N,
            state="warning",
            advice="look at them: the lungs seem white; invert the files, or correct their photometric tag",
        ),
    ]


def about_marks(columns: Columns) -> np.ndarray:
    """Which images were set aside for a box or a mask, bool (N,)."""
    return _begins(columns.problem_N, _MARK_WORDS)


def lateral(view_N: np.ndarray) -> np.ndarray:
    """Which images were taken from the side, by the owner's word for the view; bool (N,)."""
    words, inverse_N = np.unique(view_N.astype(str), return_inverse=True)
    is_lateral = [word.strip().lower() in ("ll", "rl", "l") or "lat" in word.lower() for word in words]
    return np.array(is_lateral, dtype=bool)[inverse_N]


def _begins(problem_N: np.ndarray, words: tuple[str, ...]) -> np.ndarray:
    begins_N = np.zeros(len(problem_N), dtype=bool)
    for position in np.flatnonzero(problem_N != ""):
        begins_N[position] = problem_N[position].startswith(words)
    return begins_N


def _first(problem_N: np.ndarray, chosen_N: np.ndarray) -> str:
    return str(problem_N[chosen_N][0]) if chosen_N.any() else ""
