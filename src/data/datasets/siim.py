"""SIIM-ACR Pneumothorax Segmentation: DICOM images in nested folders, and a table of run-length masks.

Axes: N images, R rows of the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from src.core.errors import UserError
from src.data.catalogue import Catalogue, Entry, Mask
from src.data.outlines import RunLengths
from src.data.reader import Reader, index_files
from src.data.row_checks import refuse_rows
from src.data.tables import read_header, read_table, require_columns, require_values

_PATTERN = "*train*.csv*"
_COLUMNS = ("ImageId", "EncodedPixels")
_NO_MASK = "-1"
_RUNS = r"\d+ +0*[1-9]\d*(?: +\d+ +0*[1-9]\d*)*"
_VERSIONS = {
    12_047: "the whole training set, as the later challenge has it too",
    10_675: "the training set of the first stage",
}


@dataclass(frozen=True, kw_only=True)
class SiimReader(Reader):
    """Every image of the table in the order of its first row; the masks of an image's rows stay apart.

    ``table``: the table's file name, where the folder holds several; null: the one that is there. The heading
    " EncodedPixels" and the value " -1" may have their space or not. There are no patient ids: an image is a patient.

    Raises ``UserError`` for an image with a mask in one row and -1 in another, and for a blank or malformed mask.
    Source: https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation/data.
    """

    title: ClassVar[str] = "SIIM-ACR Pneumothorax"
    where: ClassVar[str] = "https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation"
    marks: ClassVar[Mapping[str, tuple[str, ...]]] = {_PATTERN: _COLUMNS}

    table: str | None

    @classmethod
    def recognises(cls, folder: Path) -> bool:
        return bool(_tables(folder))

    def read(self) -> Catalogue:
        folder = self.folder()
        path = self._table(folder)
        table = read_table(path)
        require_columns(table, path, {column: column for column in _COLUMNS})
        require_values(table, path, "ImageId")
        id_R, text_R = table["ImageId"].str.strip(), table["EncodedPixels"].str.strip()
        masked_R = (text_R != _NO_MASK).to_numpy()
        wrong_R = masked_R & ~text_R.str.fullmatch(_RUNS).to_numpy(dtype=bool)
        what = "hold neither -1 nor pairs of a skip and a length of 1 or more"
        refuse_rows(wrong_R, path, "EncodedPixels", what, "correct the table")
        contrary_R = ~masked_R & id_R.isin(set(id_R[masked_R])).to_numpy()
        what = "say -1, no mask, of an image that has a mask in another row"
        refuse_rows(contrary_R, path, "EncodedPixels", what, "take out the one or the other")

        masks: dict[str, list[Mask]] = {}
        first_row: dict[str, int] = {}
        for row, (image, text, has_mask) in enumerate(zip(id_R, text_R, masked_R, strict=True), start=1):
            first_row.setdefault(image, row)
            if has_mask:
                masks.setdefault(image, []).append(Mask(0, RunLengths(text), row))
        root, files = self._images(folder)
        entries = [
            Entry(
                file=files.get(image, f"{image}.dcm"),
                image_id=image,
                patient=image,
                row=row,
                masks=tuple(masks.get(image, ())),
            )
            for image, row in first_row.items()
        ]
        return Catalogue(
            root=root,
            finding_names=("Pneumothorax",),
            entries=entries,
            label_NF=np.array([[image in masks] for image in first_row], dtype=np.float32),
            version=_version(len(first_row), len(masks)),
            notes=_several(path, len(table), len(first_row)),
        )

    def _table(self, folder: Path) -> Path:
        tables = _tables(folder)
        if self.table is not None:
            chosen = folder / self.table
            if chosen not in tables:
                raise UserError(
                    f"{self.title}: dataset.reader.table={self.table}: {folder} has no table of this name with the "
                    f"columns {' and '.join(_COLUMNS)}; there is {', '.join(path.name for path in tables)}"
                )
            return chosen
        if len(tables) > 1:
            names = ", ".join(path.name for path in tables)
            raise UserError(f"{self.title}: {folder} holds several tables; choose dataset.reader.table of {names}")
        return tables[0]

    def _images(self, folder: Path) -> tuple[Path, dict[str, str]]:
        """The images beside the table, or, where there are none, below ``root``."""
        for place in (folder, Path(self.root)):
            files = index_files(place, {".dcm"})
            if files:
                return place, files
        raise UserError(
            f"{self.title} is not complete: there is no .dcm file in {self.root} or in any folder below it; unpack the "
            f"images there, dicom-images-train in Kaggle's first stage. Get the data at {self.where}"
        )


def _tables(folder: Path) -> list[Path]:
    """The tables of masks in ``folder``: packed and unpacked ones of a name count once, samples do not count."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob(_PATTERN)):
        if path.is_file() and "sample" not in path.name and set(_COLUMNS) <= set(read_header(path)):
            found.setdefault(path.name.removesuffix(".gz").removesuffix(".zip"), path)
    return list(found.values())


def _several(path: Path, rows: int, images: int) -> tuple[str, ...]:
    if rows == images:
        return ()
    return (f"{path.name} has {rows:,} rows for {images:,} images: several masks on one are joined.",)


def _version(images: int, masked: int) -> str:
    counts = f"{images:,} images, {masked:,} with pneumothorax"
    known = _VERSIONS.get(images)
    return f"{known}: {counts}" if known else f"no version known: {counts}; the whole training set has 12,047 images"
