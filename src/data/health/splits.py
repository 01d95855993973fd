"""Checks of the splits and of the reports.

Axes: N images, F findings.
"""

from collections.abc import Collection, Sequence

import numpy as np

from src.data.health.check import Check, found, shown
from src.data.health.columns import Columns
from src.data.sources import SPLITS, Split


def check_splits(columns: Columns, findings: Collection[str], *, unused: Collection[Split] = ()) -> list[Check]:
    """Splits that are empty, patients on two sides, and ``findings`` that a split never shows.

    ``unused``: splits that are meant to be empty.
    """
    used = [split for split in SPLITS if split not in unused]
    empty = [split for split in used if not columns.within(split).any()]
    leaking_N = leaking(columns)
    leaks = len(np.unique(columns.patient_N[leaking_N]))
    lacking = [(name, split) for split in used if split not in empty for name in _lacking(columns, split, findings)]
    return [
        Check(
            name="splits empty",
            state="ok" if not empty else "problem" if "train" in empty else "warning",
            number=len(empty),
            advice=f"{', '.join(empty)}: correct dataset.split" if empty else "",
        ),
        Check(
            name="patients in two splits",
            state="problem" if leaks else "ok",
            number=leaks,
            advice="correct the lists or the rule of dataset.split" if leaks else "",
            rows=shown(columns.row_N[leaking_N]),
        ),
        Check(
            name="findings without a positive in a split",
            state="warning" if lacking else "ok",
            number=len(lacking),
            advice=f"no figure can be had for {_listed(lacking)}" if lacking else "",
        ),
    ]


def check_reports(columns: Columns) -> list[Check]:
    """Images without a report."""
    empty_N = empty_reports(columns)
    share = empty_N.mean() if len(empty_N) else 0.0
    advice = f"{share:.1%} of all; they are left out of training"
    return [found("reports empty", empty_N, columns.row_N, state="warning", advice=advice)]


def empty_reports(columns: Columns) -> np.ndarray:
    """Which images have no report, bool (N,)."""
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(columns.report_N)
    return np.asarray(pc.equal(trimmed, "").to_numpy(zero_copy_only=False), dtype=bool)


def leaking(columns: Columns) -> np.ndarray:
    """Which images are of a patient on two sides, as ``split_rules.count_leaks`` counts them; bool (N,)."""
    count = int(columns.patient_N.max(initial=-1)) + 1
    sides: dict[Split, np.ndarray] = {}
    for split in SPLITS:
        sides[split] = np.bincount(columns.patient_N[columns.within(split)], minlength=count) > 0
    only_val_N = columns.within("val") & ~columns.within("test")
    only_val = np.bincount(columns.patient_N[only_val_N], minlength=count) > 0
    leaks = (sides["train"] & (sides["val"] | sides["test"])) | (only_val & sides["test"])
    return np.asarray(leaks[columns.patient_N] & (columns.side_N > 0))


def _lacking(columns: Columns, split: Split, findings: Collection[str]) -> list[str]:
    seen_F = (columns.label_NF[columns.within(split) & columns.read_N] == 1).any(axis=0)
    return [name for name, seen in zip(columns.finding_names, seen_F, strict=True) if name in findings and not seen]


def _listed(pairs: Sequence[tuple[str, str]], most: int = 6) -> str:
    texts = [f"{name} in {split}" for name, split in pairs[:most]]
    return ", ".join(texts) + (f" and {len(pairs) - most} more" if len(pairs) > most else "")
