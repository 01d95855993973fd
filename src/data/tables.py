"""Reads the tables that users bring, CSV or Parquet, and says plainly what is wrong with them.

Rows are counted from 1 below the header. Axes: N rows, F findings.
"""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from src.core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

Uncertain = Literal["unknown", "absent", "present"]
"""What a label of -1 counts as."""

_LABEL_VALUES = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "False": 0.0, "True": 1.0, "": np.nan}
_UNCERTAIN_VALUES = {"unknown": np.nan, "absent": 0.0, "present": 1.0}


def read_table(path: Path) -> "pd.DataFrame":
    """The table in ``path`` (.csv, .csv.gz, .tsv, .parquet), every cell as text, blank and NaN cells as "".

    A byte order mark is ignored. Raises ``UserError`` naming the file where it is missing, empty, damaged, not UTF-8,
    of another kind, or has no row.
    """
    import pandas as pd
    import pyarrow

    name = path.name.lower().removesuffix(".gz")
    if not path.is_file():
        raise UserError(f"the table {path} is not there")
    try:
        if name.endswith(".parquet"):
            frame = pd.read_parquet(path)
        elif name.endswith((".csv", ".tsv")):
            frame = pd.read_csv(path, dtype=str, encoding="utf-8-sig", sep="\t" if name.endswith(".tsv") else ",")
        else:
            raise UserError(f"the table {path} is neither .csv, .tsv nor .parquet")
    except pd.errors.EmptyDataError:
        raise UserError(f"the table {path} is empty") from None
    except UnicodeDecodeError:
        raise UserError(f"the table {path} is not UTF-8; save it as UTF-8") from None
    except (pd.errors.ParserError, pyarrow.ArrowInvalid, OSError) as error:
        raise UserError(f"the table {path} is damaged: {' '.join(str(error).split())[:200]}") from error
    if frame.empty:
        raise UserError(f"the table {path} has a header but no rows")
    frame.columns = frame.columns.astype(str).str.strip()
    return frame.astype(object).where(frame.notna(), "").astype(str)


def require_columns(frame: "pd.DataFrame", path: Path, columns: Mapping[str, str]) -> None:
    """Raise ``UserError`` for the first of ``columns`` (config key to column name) that ``frame`` lacks."""
    for key, column in columns.items():
        if column not in frame.columns:
            near = difflib.get_close_matches(column, frame.columns, n=1, cutoff=0.0)[0]
            raise UserError(
                f"the table {path} has no column {column!r} ({key}); the nearest is {near!r}, "
                f"and it has: {', '.join(frame.columns)}"
            )


def require_values(frame: "pd.DataFrame", path: Path, column: str) -> None:
    """Raise ``UserError`` naming the first row in which ``column`` is blank."""
    blank = np.flatnonzero((frame[column].str.strip() == "").to_numpy())
    if len(blank):
        raise UserError(
            f"the table {path} has {len(blank)} row(s) without a value in the column {column!r}, "
            f"the first is row {blank[0] + 1}; fill it in or take the rows out"
        )


def read_labels(frame: "pd.DataFrame", path: Path, columns: Sequence[str], uncertain: Uncertain) -> np.ndarray:
    """Label columns as float32 (N, F): 1 present, 0 absent, NaN blank, and -1 as ``uncertain`` says.

    Raises ``UserError`` naming row and column of the first cell that holds anything else.
    """
    values = {**_LABEL_VALUES, "-1": _UNCERTAIN_VALUES[uncertain], "-1.0": _UNCERTAIN_VALUES[uncertain]}
    label_NF = np.full((len(frame), len(columns)), np.nan, dtype=np.float32)
    for position, column in enumerate(columns):
        text = frame[column].str.strip()
        wrong = np.flatnonzero(~text.isin(list(values)).to_numpy())
        if len(wrong):
            raise UserError(
                f"the table {path}, row {wrong[0] + 1}, column {column!r}: a label must be 0, 1, -1 or blank, "
                f"and {len(wrong)} row(s) hold something else"
            )
        label_NF[:, position] = text.map(values).to_numpy(dtype=np.float32)
    return label_NF
