"""Checks of the tables that data sets come with: every complaint names file, row, column and what to do.

Rows are counted from 1 below the header. Axes: N rows, C columns.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.core.errors import UserError
from src.data.tables import is_missing

if TYPE_CHECKING:
    import pandas as pd


def refuse_rows(bad_N: np.ndarray, path: Path, column: str, what: str, advice: str) -> None:
    """Raise ``UserError`` where any of ``bad_N`` is true; ``what`` follows "N row(s)", ``advice`` says what to do."""
    rows = np.flatnonzero(bad_N)
    if len(rows):
        raise UserError(f"the table {path}, row {rows[0] + 1}, column {column!r}: {len(rows)} row(s) {what}; {advice}")


def refuse_duplicates(frame: "pd.DataFrame", path: Path, columns: Sequence[str]) -> None:
    """Raise ``UserError`` where two rows hold the same in ``columns``."""
    again_N = frame.duplicated(subset=list(columns)).to_numpy()
    refuse_rows(again_N, path, columns[0], "repeat an earlier row's value", "take the repeated rows out")


def read_numbers(frame: "pd.DataFrame", path: Path, columns: Sequence[str]) -> np.ndarray:
    """Cells as float64 (N, C), blank as NaN. Raises ``UserError`` for the first that is no finite number."""
    import pandas as pd

    number_NC = np.full((len(frame), len(columns)), np.nan)
    for position, column in enumerate(columns):
        text = frame[column].mask(is_missing(frame[column]), "")
        number_N = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64)
        refuse_rows(
            ~np.isfinite(number_N) & (text != "").to_numpy(), path, column, "hold no number", "correct the table"
        )
        number_NC[:, position] = number_N
    return number_NC
