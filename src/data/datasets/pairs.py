"""The user's own image-report pairs, from one table.

Axes: N rows, F findings.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.core.errors import UserError
from src.core.ranges import Fraction, Seed, SplitFraction
from src.core.rules import Rules
from src.data.catalogue import Catalogue, Entry
from src.data.categories import read_categories, refuse_several_classes
from src.data.dicom_io import DicomScale
from src.data.file_table import FileTable
from src.data.files_there import refuse_missing
from src.data.grouped_split import draw_val, refuse_leaks, split_by_column, split_by_fractions
from src.data.heading_names import HeadingNames, heading_names
from src.data.label_sentences import label_sentences
from src.data.packed import PackedDataSet
from src.data.packed_table import PackedTable, Reports
from src.data.report_sections import Sections, read_sections
from src.data.sources import Split
from src.data.store.recipe import StoreSettings
from src.data.table_reader import GivenSplit, TableReader
from src.data.tables import Uncertain, read_labels, read_table, require_columns, require_values

if TYPE_CHECKING:
    import pandas as pd


class PairsTable(FileTable):
    """The pairs of one split; ``headings``: the names of headings that their reports are cut at."""

    def __init__(self, *, reports_from: Reports, headings: HeadingNames, **files: Any) -> None:
        super().__init__(**files)
        self.reports_from: Reports = reports_from
        self._headings = headings

    def sections(self, index: int, rules: Rules) -> Sections:
        """Impression and findings of ``report(index)``."""
        return read_sections(self.report(index), rules, self._headings)


class PairsSource:
    """A CSV or Parquet table with one row an image; every column is named in ``conf/dataset/pairs.yaml``.

    Where ``task=prepare`` has packed it, its images come from the store ``name`` in ``store``; else from their files.

    ``image_root``: folder the image paths start from; None is the table's own folder.
    ``group_column``: patient or study, never on two sides of a split; None keeps rows of one report together, and a row
    without a report by itself.
    ``split_column`` with ``split_values``: the split where the table has one; None draws whole groups by ``seed``
    until ``val_fraction`` and ``test_fraction`` of the rows are reached.
    ``label_columns``: columns of 0, 1, -1, blank. ``category_column``: a column of names, split at
    ``category_separator``, of which each of ``category_values`` becomes a finding that is present or absent.
    ``exclusive``: the findings are classes, of which no row may have two.
    ``headings``: names of report headings for findings, impression and other sections, beside those that are known.
    ``blanks``: cells that count as blank, beside empty ones.

    Raises ``UserError`` naming table, row and column for whatever cannot be right.
    """

    def __init__(
        self,
        *,
        table: str | None,
        image_root: str | None,
        image_column: str,
        report_column: str | None,
        group_column: str | None,
        id_column: str | None,
        split_column: str | None,
        split_values: Mapping[str, Sequence[str]],
        val_fraction: SplitFraction,
        test_fraction: SplitFraction,
        label_columns: Sequence[str],
        uncertain: Uncertain,
        category_column: str | None,
        category_values: Sequence[str],
        category_separator: str,
        exclusive: bool,
        headings: Mapping[str, Sequence[str]],
        blanks: Sequence[str],
        dicom_scale: DicomScale,
        max_missing: Fraction,
        name: str,
        store: StoreSettings,
        seed: Seed,
        show_file_names: bool = True,
    ) -> None:
        self.show_file_names = show_file_names
        if table is None:
            raise UserError("dataset=pairs needs your table: set dataset.table=FILE (.csv, .tsv or .parquet)")
        path = Path(table)
        frame = read_table(path, blanks=[str(cell).strip() for cell in blanks])
        named = {"image_column": image_column, "report_column": report_column, "group_column": group_column}
        named |= {"id_column": id_column, "split_column": split_column, "category_column": category_column}
        _check_columns(frame, path, label_columns, named)
        self.finding_names = (*label_columns, *category_values)
        label_NF = read_labels(frame, path, label_columns, uncertain)
        category_NF = read_categories(frame, path, category_column, category_values, category_separator)
        self._label_NF = np.concatenate([label_NF, category_NF], axis=1)
        _need_reports_or_labels(report_column, self.finding_names)
        self.exclusive = exclusive
        if exclusive:
            refuse_several_classes(self._label_NF, path)
        self._patient_N = _groups(frame, group_column, report_column)
        fractions = {"val": val_fraction, "test": test_fraction}
        self._positions = _split(frame, path, self._patient_N, split_column, split_values, fractions, seed)
        self._headings = heading_names(headings)
        self._report_column = report_column
        self._reports: Reports = "labels" if report_column is None else "own"
        self._report_N = np.array(frame[report_column].tolist() if report_column else [""] * len(frame), dtype=object)
        self._dicom_scale: DicomScale = dicom_scale
        self._image_root = Path(image_root or path.parent)
        self._image_N = frame[image_column].tolist()
        self._id_N = frame[id_column].tolist() if id_column else self._image_N
        self.packed = self._as_packed(name, store)
        # asked once: a store that vanishes later makes no pairs in files
        self._from_store = self.packed.is_packed
        if not self._from_store:
            self._path_N = _find_images(self._image_N, self._image_root, max_missing)

    def _as_packed(self, name: str, store: StoreSettings) -> PackedDataSet:
        """The same pairs as a data set that can be packed; labels are read and splits are made already."""
        return PackedDataSet(
            name=name,
            reader=TableReader(root=str(self._image_root), catalogue=self._catalogue, headings=self._headings),
            store=store,
            split=GivenSplit(self._positions),
            lists=None,
            findings=None,
            uncertain="unknown",
            blank="unknown",
            reports=self._reports,
            masks="own",
            exclusive=self.exclusive,
            show_file_names=self.show_file_names,
            dicom_scale=self._dicom_scale,
        )

    def check(self) -> None:
        """Raise ``UserError`` where a store is there that is not of this table and these settings."""
        if self._from_store:
            self.packed.check()
            if self.packed.store.manifest.plan != self.packed.job(self._catalogue()).plan():
                raise UserError(
                    f"the store {self.packed.folder} was packed from another table, or from this one before it "
                    "changed; give a name of its own with dataset.name=NAME, or remake it with: "
                    f"{self.packed.remake_with([])}"
                )

    def _catalogue(self) -> Catalogue:
        rows = zip(self._image_N, self._id_N, self._patient_N, self._report_N, strict=True)
        return Catalogue(
            root=self._image_root,
            finding_names=self.finding_names,
            entries=[
                Entry(file=file, image_id=image_id, patient=patient, row=row, report=report)
                for row, (file, image_id, patient, report) in enumerate(rows, start=1)
            ],
            label_NF=self._label_NF,
            version=f"a table of {len(self._image_N)} rows",
        )

    def table(self, split: Split) -> FileTable | PackedTable:
        """The pairs of one split, packed where they are."""
        if self._from_store:
            return self.packed.table(split)
        position_N = self._positions[split]
        return PairsTable(
            reports_from=self._reports,
            headings=self._headings,
            paths=self._path_N[position_N].tolist(),
            rows=(position_N + 1).tolist(),
            patients=[self._patient_N[position] for position in position_N],
            ids=[self._id_N[position] for position in position_N],
            label_NF=self._label_NF[position_N],
            read_report=partial(self._report, position_N),
            dicom_scale=self._dicom_scale,
        )

    @property
    def report_advice(self) -> str:
        """The settings of a table's reports, where it has any."""
        if self._report_column is None:
            return ""
        return (
            f"Reports are read from dataset.report_column={self._report_column}; dataset.headings.findings=[NAME] and "
            "dataset.headings.impression=[NAME] add names of headings"
        )

    def _report(self, position_N: np.ndarray, index: int) -> str:
        if self._reports == "labels":
            return label_sentences(self._label_NF[position_N[index]].tolist(), self.finding_names)
        return str(self._report_N[position_N[index]])


def _check_columns(frame: "pd.DataFrame", path: Path, labels: Sequence[str], columns: Mapping[str, str | None]) -> None:
    named = {key: column for key, column in columns.items() if column is not None}
    named |= {f"label_columns[{i}]": column for i, column in enumerate(labels)}
    require_columns(frame, path, {f"dataset.{key}": column for key, column in named.items()})
    for key in ("image_column", "group_column", "id_column"):
        if key in named:
            require_values(frame, path, named[key])
    if "id_column" in named:
        _refuse_duplicates(frame, path, named["id_column"])


def _groups(frame: "pd.DataFrame", group_column: str | None, report_column: str | None) -> list[str]:
    """Whose each row is: its group, else that of all rows with its report, else its own."""
    own = group_column or report_column
    cells = frame[own].tolist() if own else [""] * len(frame)
    return [cell or f"row {row}" for row, cell in enumerate(cells, start=1)]


def _need_reports_or_labels(report_column: str | None, finding_names: Sequence[str]) -> None:
    if report_column is None and not finding_names:
        raise UserError(
            "dataset=pairs needs reports or labels: set dataset.report_column, dataset.label_columns or "
            "dataset.category_column"
        )


def _split(
    frame: "pd.DataFrame",
    path: Path,
    groups: Sequence[str],
    column: str | None,
    values: Mapping[str, Sequence[str]],
    fractions: Mapping[str, float],
    seed: int,
) -> dict[Split, np.ndarray]:
    """The rows of each split: as the table says, or where it has no ``column`` whole groups drawn by ``seed``."""
    if column is None:
        return split_by_fractions(groups, val=fractions["val"], test=fractions["test"], seed=seed)
    positions = split_by_column(frame[column].tolist(), values, path=path, column=column)
    refuse_leaks(positions, groups, path)
    draw_val(positions, groups, fraction=fractions["val"], seed=seed)
    return positions


def _refuse_duplicates(frame: "pd.DataFrame", path: Path, column: str) -> None:
    repeated = np.flatnonzero(frame[column].duplicated().to_numpy())
    if len(repeated):
        first = int(np.flatnonzero((frame[column] == frame[column].iloc[repeated[0]]).to_numpy())[0])
        raise UserError(
            f"the table {path}: {len(repeated)} row(s) repeat an id of the column {column!r}, "
            f"the first is row {repeated[0] + 1} with the id of row {first + 1}"
        )


def _find_images(cells: Sequence[str], root: Path, max_missing: float) -> np.ndarray:
    paths = [str(root / cell) for cell in cells]
    refuse_missing(paths, root, max_missing, "check dataset.image_root and dataset.image_column")
    return np.array(paths)
