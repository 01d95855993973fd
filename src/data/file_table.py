"""A split whose images lie in files and whose reports are texts at hand or in files.

Axes: N pairs, F findings.
"""

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from src.data.dicom_io import DicomScale
from src.data.image_io import ImageError, read_image


class FileTable:
    """A ``PairTable``: ``paths`` of the images, ``rows`` in the user's table, and ``read_report`` by index.

    ``patients`` and ``ids``: whose each image is, and what its owner calls it.
    ``unit``: what ``row`` counts, in messages.
    """

    unit: ClassVar[str] = "row"

    def __init__(
        self,
        *,
        paths: Sequence[str],
        rows: Sequence[int],
        patients: Sequence[str | int],
        ids: Sequence[str],
        label_NF: np.ndarray,
        read_report: Callable[[int], str],
        dicom_scale: DicomScale,
    ) -> None:
        self.label_NF = label_NF
        self._path_N = np.array(paths, dtype=np.str_)
        self._row_N = np.array(rows, dtype=np.int64)
        self._patients = patients
        self._ids = list(ids)
        self._read_report = read_report
        self._dicom_scale: DicomScale = dicom_scale

    def __len__(self) -> int:
        return len(self._row_N)

    def image(self, index: int) -> np.ndarray:
        path = Path(self.file(index))
        try:
            return read_image(path, dicom_scale=self._dicom_scale)
        except ImageError as error:
            advice = "" if path.parent.is_dir() else ", and its folder too; bring that back (is its drive mounted?)"
            raise ImageError(f"{self.unit} {self.row(index)}: {error}{advice}") from error

    def report(self, index: int) -> str:
        return self._read_report(index)

    def row(self, index: int) -> int:
        return int(self._row_N[index])

    def file(self, index: int) -> str:
        return str(self._path_N[index])

    def relative_file(self, index: int) -> str:
        return Path(self.file(index)).relative_to(self._folder).as_posix()

    @cached_property
    def _folder(self) -> Path:
        """The folder that all images share, which is the data set's or below it."""
        return Path(os.path.commonpath([os.path.dirname(path) for path in self._path_N.tolist()]))  # noqa: PTH120

    def groups(self) -> np.ndarray:
        return np.unique(np.array(self._patients), return_inverse=True)[1].astype(np.int64)

    def image_ids(self) -> list[str]:
        return self._ids
