"""Checks of boxes and masks: inside the image, of a sensible size, and in agreement with the labels.

Axes: N images, F findings, B boxes or masks.
"""

import numpy as np

from src.data.health.check import Check, found, found_rows
from src.data.health.columns import Columns, Marks
from src.data.health.images import about_marks

_LARGEST_SHARE = 0.8
_FEWEST_PIXELS = 4
_USUAL = 0.9
"""Where so many of a finding's positives have a box or a mask, one without is a slip; below it, a choice."""


def check_marks(columns: Columns) -> list[Check]:
    """Boxes and masks that do not fit their image or its labels; nothing where the data set has none."""
    boxes, masks, row_N = columns.boxes, columns.masks, columns.row_N
    unfit_N = about_marks(columns)
    if not len(boxes) and not len(masks) and not unfit_N.any():
        return []
    checks = [
        found(
            "boxes or masks outside, or of no area",
            unfit_N,
            row_N,
            state="problem",
            advice="these images are left out; correct the table (quarantine.csv beside the store says how)",
        )
    ]
    for what, marks in (("boxes", boxes), ("masks", masks)):
        if len(marks):
            checks += _sizes(what, marks, row_N)
    return [*checks, *_agreement(columns)]


def _sizes(what: str, marks: Marks, row_N: np.ndarray) -> list[Check]:
    large_B, empty_B = marks.share_B > _LARGEST_SHARE, marks.area_B < 0.5
    small_B = (marks.area_B < _FEWEST_PIXELS) & ~empty_B
    checks = [
        found(
            f"{what} above {_LARGEST_SHARE:.0%} of the image",
            large_B,
            row_N[marks.image_B],
            state="warning",
            advice="look at them; so large a finding is rare",
        ),
        found(
            f"{what} under {_FEWEST_PIXELS} pixels",
            small_B,
            row_N[marks.image_B],
            state="warning",
            advice="look at them; often a slip of the annotator's hand",
        ),
    ]
    if what == "masks":
        advice = "no pixel of the image lies in them; correct them"
        checks.append(found("masks empty", empty_B, row_N[marks.image_B], state="warning", advice=advice))
    return checks


def _agreement(columns: Columns) -> list[Check]:
    marked_NF = marked(columns)
    positive_NF = (columns.label_NF == 1) & columns.read_N[:, None]
    share_F = (positive_NF & marked_NF).sum(axis=0) / np.maximum(positive_NF.sum(axis=0), 1)
    lacking_N = (positive_NF & ~marked_NF & (share_F >= _USUAL)).any(axis=1)
    contrary_N = (marked_NF & (columns.label_NF != 1)).any(axis=1)
    return [
        found_rows(
            "positive without box or mask",
            columns.row_N[lacking_N],
            state="warning",
            advice="nearly all others of the finding have one; look whether it was forgotten",
        ),
        found_rows(
            "box or mask without positive label",
            columns.row_N[contrary_N],
            state="warning",
            advice="label and drawing contradict each other; correct the one or the other",
        ),
    ]


def marked(columns: Columns) -> np.ndarray:
    """Which images have a box or a mask of which finding, bool (N, F)."""
    marked_NF = np.zeros(columns.label_NF.shape, dtype=bool)
    for marks in (columns.boxes, columns.masks):
        marked_NF[marks.image_B, marks.finding_B] = True
    return marked_NF
