"""One split of a packed store.

Axes: N images of the split, F findings, H and W pixels.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from src.core.rules import Rules
from src.data.label_sentences import label_sentences
from src.data.outlines import Rectangle
from src.data.report_sections import Sections, read_sections
from src.data.resize import placement_map
from src.data.sources import Original
from src.data.store.store import Store

Reports = Literal["own", "labels"]
Masks = Literal["own", "boxes"]


class PackedTable:
    """The images of one split: a ``PairTable``, ``BoxedTable``, ``MaskedTable`` and ``MeasuredTable``.

    ``position_N``: rows of the store. ``label_NF``: of these, in the order of ``finding_names``: 1, 0, NaN unknown.
    ``reports``: the owner's, or sentences made of
    the labels. ``masks``: the owner's, or every box filled. ``given_subset``: the user's own rows of the store for a
    fraction, or None. ``read_sections``: the owner's rules for the sections of a report, as ``Reader.sections``.
    """

    def __init__(
        self,
        *,
        store: Store,
        position_N: np.ndarray,
        label_NF: np.ndarray,
        finding_names: Sequence[str],
        reports: Reports,
        masks: Masks,
        given_subset: Callable[[float], np.ndarray | None],
        read_sections: Callable[[str, str, Rules], Sections],
    ) -> None:
        self.store = store
        self.position_N = position_N
        self.label_NF = label_NF
        self.finding_names = tuple(finding_names)
        self.reports_from: Reports = reports
        self.masks_from: Masks = masks
        self._given_subset = given_subset
        self._read_sections = read_sections

    def __len__(self) -> int:
        return len(self.position_N)

    def image(self, index: int) -> np.ndarray:
        """The packed image, uint8 (H, W); not to be written to."""
        return self.store.image(self._row(index))

    def report(self, index: int) -> str:
        """The owner's report, or sentences made of the labels."""
        if self.reports_from == "labels":
            return label_sentences(self.label_NF[index].tolist(), self.finding_names)
        return self.store.report(self._row(index))

    def sections(self, index: int, rules: Rules) -> Sections:
        """Impression and findings of the report."""
        if self.reports_from == "labels":
            return read_sections(self.report(index), rules)
        return self._read_sections(self.report(index), self.store.source(self._row(index)), rules)

    def row(self, index: int) -> int:
        """The image's row in the owner's table."""
        return int(self.store.index.column("row")[self._row(index)].as_py())

    def file(self, index: int) -> str:  # noqa: ARG002
        """No file: the store holds the image."""
        return ""

    def relative_file(self, index: int) -> str:
        """The file that the image was packed from, below the data set's folder."""
        return self.store.source(self._row(index))

    def boxes(self, index: int) -> list[tuple[str, np.ndarray]]:
        """Finding and left, top, right, bottom in pixels of ``image(index)``."""
        return [(self._name(finding), edge_4) for finding, edge_4 in self.store.boxes(self._row(index))]

    def masks(self, index: int) -> list[tuple[str, np.ndarray]]:
        """Finding and mask of each finding that has one, bool (H, W) of the original."""
        row = self._row(index)
        if self.masks_from == "own":
            return [(self._name(finding), mask_HW) for finding, mask_HW in self.store.masks(row)]
        joined: dict[str, np.ndarray] = {}
        for finding, edge_4 in self.store.original_boxes(row):
            name, filled_HW = self._name(finding), Rectangle(*map(float, edge_4)).draw(*self.store.size(row))
            joined[name] = joined.get(name, False) | filled_HW
        return list(joined.items())

    def original(self, index: int) -> Original:
        """The original's size, and where it lies in the packed image."""
        row = self._row(index)
        (height, width), where = self.store.size(row), self.store.placement(row)
        return Original(height, width, where.height, where.width, placement_map(height, width, where))

    def groups(self) -> np.ndarray:
        """A number for each image's patient."""
        return self.store.patient_N[self.position_N].astype(np.int64)

    def image_ids(self) -> list[str]:
        """The owner's ids."""
        return self.store.column("image_id")[self.position_N].tolist()

    def given_subset(self, fraction: float) -> np.ndarray | None:
        """Positions in this table of the user's own list for ``fraction``, or None where there is no list for it."""
        rows = self._given_subset(fraction)
        return None if rows is None else np.flatnonzero(np.isin(self.position_N, rows))

    def _row(self, index: int) -> int:
        return int(self.position_N[index])

    def _name(self, finding: int) -> str:
        return self.store.manifest.finding_names[finding]
