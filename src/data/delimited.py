"""Read delimited text as hospitals and their programs write it: any separator, encoding and line end.

Rows are counted from 1 below the header.
"""

import codecs
import csv
import gzip
import io
import sys
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from src.core.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

_SEPARATORS = (",", ";", "\t", "|")
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# a header longer than this is no header
_HEAD = 1 << 20


class Format(NamedTuple):
    """How a file is to be read. ``first_line``: the lines above the header, 1 for Excel's ``sep=;``, else 0."""

    encoding: str
    separator: str
    first_line: int


def find_format(path: Path, *, tabs: bool) -> Format:
    """Return the encoding and the separator of ``path``, the latter from ``sep=`` or from the header's own marks.

    ``tabs``: the file's name says that tabs separate the cells.
    """
    with _open_bytes(path) as file:
        head = file.read(_HEAD)
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if head.startswith(mark)), "utf-8-sig")
    lines = codecs.getincrementaldecoder(encoding)().decode(head).splitlines()
    if lines and lines[0].lower().startswith("sep=") and len(lines[0].rstrip('"')) == len("sep=") + 1:
        return Format(encoding, lines[0][len("sep=")], 1)
    header = next((line for line in lines if line.strip()), "")
    # quoted names may hold any mark
    outside = "".join(header.split('"')[::2])
    counts = {mark: outside.count(mark) for mark in (("\t", *_SEPARATORS) if tabs else _SEPARATORS)}
    return Format(encoding, max(counts, key=lambda mark: counts[mark]), 0)


def read_names(path: Path, form: Format) -> list[str]:
    """Return the names of the columns, without blanks around them."""
    import pandas as pd

    frame = pd.read_csv(
        path,
        dtype=str,
        encoding=form.encoding,
        sep=form.separator,
        skiprows=form.first_line,
        nrows=0,
        index_col=False,
        keep_default_na=False,
    )
    return [str(name).strip() for name in frame.columns]


def read_rows(path: Path, form: Format) -> "pd.DataFrame":
    """Return every cell as the text that stands there; missing cells at the end of a row are blank.

    Raises ``UserError`` with the first row that has more cells than the header, blank ones not counted.
    """
    import pandas as pd

    options: dict[str, Any] = {"dtype": str, "encoding": form.encoding, "sep": form.separator}
    # without index_col=False, a comma at the end of every row makes an index of the first column
    options |= {"skiprows": form.first_line, "index_col": False, "keep_default_na": False}
    try:
        with warnings.catch_warnings():
            # of rows that are all longer than the header, which would lose their last cells
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(path, **options)
    except (pd.errors.ParserWarning, pd.errors.ParserError):
        width = len(read_names(path, form))
        refuse_long_rows(path, form, width)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            return pd.read_csv(path, **options, usecols=range(width))


def refuse_long_rows(path: Path, form: Format, width: int) -> None:
    """Raise ``UserError`` for rows with a cell, not blank, beyond the ``width`` cells of the header."""
    long = [found for found in _rows(path, form) if any(cell.strip() for cell in found[2][width:])]
    if not long:
        return
    row, line, cells = long[0]
    mark = {"\t": "tab", ",": "comma", ";": "semicolon"}.get(form.separator, form.separator)
    raise UserError(
        f"the table {path} is damaged: row {row} (line {line}) has {len(cells)} cells, but the header names {width} "
        f"columns, and {len(long)} row(s) are like it; put double quotes around every cell that holds a {mark}"
    )


def _rows(path: Path, form: Format) -> Iterator[tuple[int, int, list[str]]]:
    """Number, last line and cells of every row below the header; blank lines are no rows."""
    csv.field_size_limit(sys.maxsize)
    with _open_bytes(path) as file:
        text = io.TextIOWrapper(file, encoding=form.encoding, newline="")
        for _ in range(form.first_line):
            text.readline()
        reader = csv.reader(text, delimiter=form.separator)
        for row, cells in enumerate(cells for cells in reader if cells):
            if row:
                yield row, reader.line_num + form.first_line, cells


@contextmanager
def _open_bytes(path: Path) -> Iterator[IO[bytes]]:
    name = path.name.lower()
    if name.endswith(".gz"):
        with gzip.open(path) as file:
            yield cast("IO[bytes]", file)
    elif name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise ValueError(f"a .zip of a table must hold one file, and this one holds {len(names)}")
            with archive.open(names[0]) as file:
                yield file
    else:
        with path.open("rb") as file:
            yield file
