"""A packed data set whose images come with phrases and the boxes that they name.

Axes: N boxes.
"""

from itertools import accumulate, pairwise
from typing import ClassVar

import numpy as np

from src.data.packed import PackedDataSet
from src.data.packed_table import PackedTable
from src.data.phrases import Phrase, read_phrases


class PhrasedTable(PackedTable):
    """A ``PackedTable`` that is a ``GroundedTable`` too; its store's reports are those of ``phrased_report``."""

    def phrases(self, index: int) -> list[Phrase]:
        """Each phrase with its boxes in pixels of ``image(index)``."""
        said = read_phrases(self.store.report(self._row(index)))
        boxes = self.boxes(index)
        ends = accumulate((phrase.boxes for phrase in said), initial=0)
        return [
            Phrase(
                text=phrase.text,
                category=boxes[start][0],
                box_N4=np.stack([edge_4 for _, edge_4 in boxes[start:end]]),
                mask_HW=None,
            )
            for phrase, (start, end) in zip(said, pairwise(ends), strict=True)
        ]


class PhrasedDataSet(PackedDataSet):
    """A ``PackedDataSet`` of such tables; it takes the same settings."""

    table_type: ClassVar[type[PackedTable]] = PhrasedTable
