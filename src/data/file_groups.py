"""Whose the images of a folder are, and which of them train, validate and test: by a table, or by chance.

Axes: N images.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from src.core.errors import UserError
from src.data.grouped_split import draw_val, refuse_leaks, split_by_column, split_by_fractions
from src.data.sources import Split
from src.data.tables import read_table, require_columns, require_values


class FileColumns(NamedTuple):
    """The user's table with a row an image: its file, and the columns of patient and split, None where there is none.

    ``split_values``: the values of the split column that stand for each split.
    """

    path: Path
    file: str
    group: str | None
    split: str | None
    split_values: Mapping[str, Sequence[str]]


class Groups(NamedTuple):
    """``group_N``: whose each image is; ``split_N``: the table's word for its split, None where it has none."""

    group_N: list[str]
    split_N: list[str] | None


def groups_of(files: Sequence[str], columns: FileColumns | None) -> Groups:
    """What the table says of each of ``files``, of whom each is its own group where there is no table.

    A file is found by its path as the table has it, or else by its folder and name, or by its name with or without the
    ending, where only one row and only one of ``files`` has that. Raises ``UserError`` for a table without one of its
    columns, and for a file that it does not name.
    """
    if columns is None:
        return Groups(list(files), None)
    frame = read_table(columns.path)
    named = {"file_column": columns.file, "group_column": columns.group, "split_column": columns.split}
    used = {f"dataset.{key}": column for key, column in named.items() if column is not None}
    require_columns(frame, columns.path, used)
    if columns.group is not None:
        require_values(frame, columns.path, columns.group)
    cells = [cell.strip() for cell in frame[columns.file]]
    row_N = _rows(files, cells, columns)
    return Groups(
        group_N=list(files) if columns.group is None else frame[columns.group].iloc[row_N].tolist(),
        split_N=None if columns.split is None else frame[columns.split].iloc[row_N].tolist(),
    )


def split_groups(
    groups: Groups, columns: FileColumns | None, *, val: float, test: float, seed: int
) -> dict[Split, np.ndarray]:
    """The positions of each split: the table's, ``val`` drawn of train where it names none, or all drawn by ``seed``.

    Groups stay whole. Raises ``UserError`` for a word that stands for no split, and for a group on two sides.
    """
    if groups.split_N is None or columns is None or columns.split is None:
        return split_by_fractions(groups.group_N, val=val, test=test, seed=seed)
    positions = split_by_column(groups.split_N, columns.split_values, path=columns.path, column=columns.split)
    refuse_leaks(positions, groups.group_N, columns.path)
    draw_val(positions, groups.group_N, fraction=val, seed=seed)
    return positions


def _rows(files: Sequence[str], cells: Sequence[str], columns: FileColumns) -> list[int]:
    ways: tuple[Callable[[str], str], ...] = (str, _folder_and_name, _name, lambda text: Path(_name(text)).stem)
    known = [_unique([way(cell) for cell in cells]) for way in ways]
    shared = [_shared(set(files), way) for way in ways]
    rows = []
    for file in files:
        found = [
            rows_of[way(file)]
            for way, rows_of, several in zip(ways, known, shared, strict=True)
            if way(file) in rows_of and way(file) not in several
        ]
        if not found:
            raise UserError(
                f"the table {columns.path} has no row, or several, for the image {_name(file)} in its column "
                f"{columns.file!r}; correct it, or name another column with dataset.file_column"
            )
        rows.append(found[0])
    return rows


def _folder_and_name(path: str) -> str:
    return "/".join(_parts(path)[-2:])


def _name(path: str) -> str:
    return "".join(_parts(path)[-1:])


def _parts(path: str) -> tuple[str, ...]:
    # tables written on Windows have backslashes
    return PurePosixPath(path.replace("\\", "/")).parts


def _shared(files: set[str], way: Callable[[str], str]) -> set[str]:
    """What several of ``files`` would be found by."""
    return {key for key, count in Counter(way(file) for file in files).items() if count > 1}


def _unique(keys: Sequence[str]) -> dict[str, int]:
    """The row of each key that only one row has."""
    rows: dict[str, int] = {}
    repeated = set()
    for row, key in enumerate(keys):
        if rows.setdefault(key, row) != row:
            repeated.add(key)
    return {key: row for key, row in rows.items() if key not in repeated}
