"""Reads the tables that users bring, CSV or Parquet, and says plainly what is wrong with them.

Rows are counted from 1 below the header. Axes: N rows, F findings.
"""

import csv
import difflib
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from src.core.errors import UserError
from src.data.delimited import find_format, read_names, read_rows

if TYPE_CHECKING:
    import pandas as pd

Uncertain = Literal["unknown", "absent", "present"]
"""What a label of -1 counts as."""

# what a cut or false .gz and a .zip of none or several files raise, beside what any file may
_DAMAGED = (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile)

_MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "-nan", "<na>", "none", "null", "nat"})
_LABEL_VALUES = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "false": 0.0, "true": 1.0, "": np.nan}
_UNCERTAIN_VALUES = {"unknown": np.nan, "absent": 0.0, "present": 1.0, "written": -1.0}
# blanks that no one sees and that str.strip keeps: marks of byte order and of no width
_UNSEEN = "\ufeff\u200b\u2060"


def read_table(path: Path, *, blanks: Collection[str] = ()) -> "pd.DataFrame":
    """Return the table in ``path`` (.csv, .tsv, also as .gz or .zip; .parquet) with every cell as text.

    Cells lose the blanks around them, so that an id is the same wherever it stands. A missing value of a Parquet file
    is "", and so is a cell that is one of ``blanks``; every other word, "None" and "NA" too, is a value. Parquet reads
    as the CSV file of the same table. Text may be UTF-8 or, with a byte order mark, UTF-16; cells are separated by the
    comma, semicolon, tab or bar that the header has most of, or by the one that Excel's first line ``sep=;`` names.

    Raises ``UserError`` naming the file where it is missing, empty, damaged, of another encoding or kind, or has no
    row, and for a row with more cells than the header.
    """
    import pandas as pd
    import pyarrow

    if not path.is_file():
        raise UserError(f"the table {path} is not there")
    name = _plain_name(path)
    try:
        if name.endswith(".parquet"):
            frame = _parquet(path)
        elif name.endswith((".csv", ".tsv")):
            frame = read_rows(path, find_format(path, tabs=name.endswith(".tsv")))
        else:
            raise UserError(f"the table {path} is neither .csv, .tsv nor .parquet")
    except pd.errors.EmptyDataError:
        raise UserError(f"the table {path} is empty") from None
    except UnicodeError:
        raise UserError(f"the table {path} is not UTF-8; save it as UTF-8") from None
    except (pd.errors.ParserError, pyarrow.ArrowException, csv.Error, *_DAMAGED) as error:
        raise UserError(f"the table {path} is damaged: {' '.join(str(error).split())[:200]}") from error
    if frame.empty:
        raise UserError(f"the table {path} has a header but no rows")
    frame.columns = frame.columns.astype(str).str.strip()
    frame = frame.astype(object).where(frame.notna(), "").apply(_stripped)
    return frame.replace(list(blanks), "") if blanks else frame


def _stripped(column: "pd.Series") -> "pd.Series":
    import pandas as pd

    return pd.Series([str(cell).strip().strip(_UNSEEN).strip() for cell in column], index=column.index, dtype=object)


def _parquet(path: Path) -> "pd.DataFrame":
    """A Parquet file, its named index as columns, and all but text as pandas writes it to a CSV file."""
    import pandas as pd

    frame = pd.read_parquet(path, dtype_backend="numpy_nullable")
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    texts = {}
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        is_text = pd.api.types.is_string_dtype(column.dtype) or isinstance(column.dtype, pd.CategoricalDtype)
        texts[name] = column.astype(object) if is_text else _as_written(column)
    return pd.DataFrame(texts, index=frame.index)


def _as_written(column: "pd.Series") -> "pd.Series":
    import pandas as pd

    # one at a time: neither numbers nor dates hold line ends, and a blank one is quoted
    lines = column.to_frame("value").to_csv(index=False).split("\n")[1 : len(column) + 1]
    return pd.Series(["" if line == '""' else line for line in lines], index=column.index, dtype=object)


def read_header(path: Path) -> list[str]:
    """The names of the columns of a .csv or .tsv, also as .gz or .zip; none where it cannot be read as one."""
    import pandas as pd

    try:
        return read_names(path, find_format(path, tabs=_plain_name(path).endswith(".tsv")))
    except (pd.errors.EmptyDataError, pd.errors.ParserError, *_DAMAGED):
        return []


def is_missing(column: "pd.Series") -> "pd.Series":
    """Return which cells of a column of numbers stand for no value: blank, "nan", "NA", "None", "null"."""
    return column.str.lower().isin(_MISSING)


def _plain_name(path: Path) -> str:
    return path.name.lower().removesuffix(".gz").removesuffix(".zip")


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
    blank = np.flatnonzero((frame[column] == "").to_numpy())
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
        text = frame[column].mask(is_missing(frame[column]), "").str.lower()
        wrong = np.flatnonzero(~text.isin(list(values)).to_numpy())
        if len(wrong):
            raise UserError(
                f"the table {path}, row {wrong[0] + 1}, column {column!r}: a label must be 0, 1, -1 or blank, "
                f"and {len(wrong)} row(s) hold something else"
            )
        label_NF[:, position] = text.map(values).to_numpy(dtype=np.float32)
    return label_NF
