"""Splits by patient or study: no group ever lies on two sides.

Axes: N rows.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from src.core.errors import UserError
from src.core.override import list_override
from src.data.sources import SPLITS, Split

# more values than this are no splits, and may be ids
_MOST_VALUES = 10
_HINTS: Mapping[Split, re.Pattern[str]] = {
    "train": re.compile("train|fit|learn", re.IGNORECASE),
    "val": re.compile("val|dev|tun", re.IGNORECASE),
    "test": re.compile("test|hold|eval", re.IGNORECASE),
}


def split_by_fractions(group_N: Sequence[str], *, val: float, test: float, seed: int) -> dict[Split, np.ndarray]:
    """Row positions of each split: whole groups, drawn by ``seed`` until the fractions ``val``, ``test`` are reached.

    The order of the rows does not matter, and the test split does not depend on ``val``.
    Raises ``UserError`` where the fractions leave nothing to train on.
    """
    if not (val >= 0 and test >= 0 and val + test < 1):
        raise UserError("dataset.val_fraction and dataset.test_fraction must be 0 or more and leave rows to train on")
    group, inverse_N, size = np.unique(np.array(group_N), return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(group))
    # rows before each group, in the drawn order
    before = np.empty(len(group), dtype=np.int64)
    before[order] = np.cumsum(size[order]) - size[order]
    in_test = before < round(test * len(inverse_N))
    in_val = ~in_test & (before - size[in_test].sum() < round(val * len(inverse_N)))
    part_N = np.where(in_test, 2, np.where(in_val, 1, 0))[inverse_N]
    return {split: np.flatnonzero(part_N == part) for part, split in enumerate(SPLITS)}


def split_by_column(
    value_N: Sequence[str], names: Mapping[str, Sequence[str]], *, path: Path, column: str
) -> dict[Split, np.ndarray]:
    """Row positions of each split after a column of the user's; ``names``: the values that stand for each split.

    A value may stand for two splits. Raises ``UserError`` naming the first row whose value stands for none.
    """
    values = np.array([value.strip() for value in value_N])
    known = np.isin(values, [name for split in names.values() for name in split])
    if not known.all():
        first = np.flatnonzero(~known)[0] + 1
        raise UserError(
            f"the table {path}, row {first}, column {column!r}: {(~known).sum()} row(s) hold a value that stands for "
            f"no split{_unknown(values[~known].tolist(), names)}"
        )
    return {split: np.flatnonzero(np.isin(values, list(names.get(split, ())))) for split in SPLITS}


def _unknown(value_K: Sequence[str], names: Mapping[str, Sequence[str]]) -> str:
    """The values with their counts, and the settings that give each to a split; neither where they may be ids."""
    counts = Counter(value_K)
    if len(counts) > _MOST_VALUES:
        return f": {len(counts)} different ones; name the column that holds the split with dataset.split_column"
    listed = ", ".join(f"{value or '(blank)'} ({count})" for value, count in counts.items())
    guessed: dict[str, list[str]] = {}
    for value in counts:
        guessed.setdefault(next((split for split in SPLITS if _HINTS[split].search(value)), "test"), []).append(value)
    settings = [
        list_override(f"dataset.split_values.{split}", [*names.get(split, ()), *guessed[split]])
        for split in SPLITS
        if split in guessed
    ]
    return f": {listed}. Give each to a split, for example with {' '.join(settings)}"


def draw_val(positions: dict[Split, np.ndarray], group_N: Sequence[str], *, fraction: float, seed: int) -> None:
    """Where a table marks no ``val``, move whole groups of the training rows there, drawn by ``seed``."""
    if len(positions["val"]):
        return
    train_T = positions["train"]
    drawn = split_by_fractions([group_N[row] for row in train_T], val=fraction, test=0.0, seed=seed)
    positions["train"], positions["val"] = train_T[drawn["train"]], train_T[drawn["val"]]


def refuse_leaks(positions: Mapping[Split, np.ndarray], group_N: Sequence[str], path: Path) -> None:
    """Raise ``UserError`` with the number of groups that lie in train and in val or test; groups stay unnamed."""
    group = np.array(group_N)
    train = np.unique(group[positions["train"]])
    held_out = np.unique(group[np.concatenate([positions["val"], positions["test"]])])
    shared = np.intersect1d(train, held_out)
    if len(shared):
        raise UserError(
            f"the table {path}: {len(shared)} patient(s) or studies lie in the training split and in a held-out one; "
            "correct the split column, or set dataset.split_column=null to have whole groups drawn"
        )
