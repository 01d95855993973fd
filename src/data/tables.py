"""Reads the tables that users bring, CSV or Parquet, and says plainly what is wrong with them.

Rows are counted from 1 below the header. Axes: N rows, F findings.
"""

import difflib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from src.core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

Uncertain = Literal["unknown", "absent", "present"]
"""What a label of -1 counts as."""

# what a cut or false .gz and a .zip of none or several files raise, beside what any file may
_DAMAGED = (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile)

_LABEL_VALUES = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "False": 0.0, "True": 1.0, "": np.nan}
_UNCERTAIN_VALUES = {"unknown": np.nan, "absent": 0.0, "present": 1.0, "written": -1.0}


def read_table(path: Path) -> "pd.DataFrame":
    """The table in ``path`` (.csv, .tsv, also as .gz or .zip; .parquet), every cell as text, blank and NaN cells as "".

    A byte order mark is ignored. Raises ``UserError`` naming the file where it is missing, empty, damaged, not UTF-8,
    of another kind, or has no row.
    """
    import pandas as pd
    import pyarrow

    name = _plain_name(path)
    if not path.is_file():
        raise UserError(f"the table {path} is not there")
    try:
        if name.endswith(".parquet"):
            frame = pd.read_parquet(path)
        elif name.endswith((".csv", ".tsv")):
            # a comma at the end of every row must not make an index of the first column
            frame = pd.read_csv(path, dtype=str, encoding="utf-8-sig", sep=_separator(name), index_col=False)
        else:
            raise UserError(f"the table {path} is neither .csv, .tsv nor .parquet")
    except pd.errors.EmptyDataError:
        raise UserError(f"the table {path} is empty") from None
    except UnicodeDecodeError:
        raise UserError(f"the table {path} is not UTF-8; save it as UTF-8") from None
    except (pd.errors.ParserError, pyarrow.ArrowInvalid, *_DAMAGED) as error:
        raise UserError(f"the table {path} is damaged: {' '.join(str(error).split())[:200]}") from error
    if frame.empty:
        raise UserError(f"the table {path} has a header but no rows")
    frame.columns = frame.columns.astype(str).str.strip()
    return frame.astype(object).where(frame.notna(), "").astype(str)


def read_header(path: Path) -> list[str]:
    """The names of the columns of a .csv or .tsv, also as .gz or .zip; none where it cannot be read as one."""
    import pandas as pd

    try:
        return list(
            pd.read_csv(path, dtype=str, encoding="utf-8-sig", sep=_separator(_plain_name(path)), nrows=0)
            .columns.astype(str)
            .str.strip()
        )
    except (pd.errors.EmptyDataError, pd.errors.ParserError, *_DAMAGED):
        return []


def _plain_name(path: Path) -> str:
    return path.name.lower().removesuffix(".gz").removesuffix(".zip")


def _separator(name: str) -> str:
    return "\t" if name.endswith(".tsv") else ","


def require_columns(frame: "pd.DataFrame", path: Path, columns: Mapping[str, str]) -> None:
    """Raise ``UserError`` for the first of ``columns`` (config key to column name) that ``frame`` lacks."""
    require_named(list(frame.columns), path, columns)


def require_named(header: Sequence[str], path: Path, columns: Mapping[str, str]) -> None:
    """The same for a table of which only the ``header`` was read."""
    for key, column in columns.items():
        if column not in header:
            near = difflib.get_close_matches(column, header, n=1, cutoff=0.0)
            nearest = f" the nearest is {near[0]!r}, and it has: {', '.join(header)}" if near else " it has none"
            named = "" if key == column else f" ({key})"
            raise UserError(f"the table {path} has no column {column!r}{named};{nearest}")


def require_values(frame: "pd.DataFrame", path: Path, column: str) -> None:
    """Raise ``UserError`` naming the first row in which ``column`` is blank."""
    blank = np.flatnonzero((frame[column].str.strip() == "").to_numpy())
    if len(blank):
        raise UserError(
            f"the table {path} has {len(blank)} row(s) without a value in the column {column!r}, "
            f"the first is row {blank[0] + 1}; fill it in or take the rows out"
        )


def read_labels(
    frame: "pd.DataFrame", path: Path, columns: Sequence[str], uncertain: Uncertain | Literal["written"]
) -> np.ndarray:
    """Label columns as float32 (N, F): 1 present, 0 absent, NaN blank, and -1 as ``uncertain`` says, or as it stands.

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
