"""Labels from one column of names, as "COVID-19, ARDS".

Axes: N rows, F findings.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def read_categories(
    frame: "pd.DataFrame", path: Path, column: str | None, values: Sequence[str], separator: str
) -> np.ndarray:
    """Each of ``values`` as a finding, 1 where the cell names it, 0 where it names others, NaN where it is empty.

    Raises ``UserError`` for a value that no row has.
    """
    if column is None:
        if values:
            raise UserError("dataset.category_values is set without dataset.category_column, which it takes them from")
        return np.empty((len(frame), 0), dtype=np.float32)
    cells = [{part.strip() for part in cell.split(separator)} - {""} for cell in frame[column]]
    for value in values:
        if not any(value in cell for cell in cells):
            raise UserError(
                f"the table {path}: no row of the column {column!r} holds {value!r} of dataset.category_values"
            )
    rows = [[float(value in cell) if cell else np.nan for value in values] for cell in cells]
    return np.array(rows, dtype=np.float32).reshape(len(frame), len(values))


def refuse_several_classes(label_NF: np.ndarray, path: Path) -> None:
    """Raise ``UserError`` where a row has more than one class."""
    several_N = np.flatnonzero((label_NF == 1).sum(axis=1) > 1)
    if len(several_N):
        raise UserError(
            f"the table {path}, row {several_N[0] + 1}: {len(several_N)} row(s) have more than one class, which "
            "dataset.exclusive=true rules out; correct them or set dataset.exclusive=false"
        )
