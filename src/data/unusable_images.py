"""Images that cannot be used, and stores whose images are too small.

Axes: K pairs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.core.errors import UserError
from src.data.packed_table import PackedTable
from src.data.sources import PairTable, Split
from src.data.transforms import ImageTransform
from src.data.usable import say


class Skipped(NamedTuple):
    """A pair left out because its image cannot be used; nothing in it says whose it is."""

    split: Split
    row: int
    file: str
    reason: str


def skipped_images(
    name: Split, table: PairTable, index_K: np.ndarray, reasons: Mapping[int, str], *, limit: float
) -> list[Skipped]:
    """Return the pairs of a split whose image cannot be used, and warn of them; ``reasons``: by position.

    Raises ``UserError`` where they are a larger share than ``limit``.
    """
    if not reasons:
        return []
    skipped = [
        Skipped(name, table.row(int(index_K[position])), Path(table.file(int(index_K[position]))).name, reason)
        for position, reason in reasons.items()
    ]
    first = skipped[0]
    count = f"{name}: {len(skipped)} of {len(index_K)} images are missing or unreadable"
    if len(skipped) > limit * len(index_K):
        raise UserError(
            f"{count}, more than datamodule.max_unreadable={limit} admits; "
            f"the first is row {first.row}, {first.file}: {first.reason}"
        )
    say(f"{count}; their pairs are left out. The first is row {first.row}, {first.file}: {first.reason}")
    return skipped


def refuse_enlarging(table: PackedTable, transform: ImageTransform) -> None:
    """Raise ``UserError`` where the transform wants larger images than the store holds."""
    if len(table) and (packed := table.image(0)).size:
        longest, wanted = max(packed.shape), max(transform.shrink(packed).shape)
        if wanted > longest:
            raise UserError(
                f"the transform wants images of {wanted} pixels, and the store {table.store.folder} holds {longest}: "
                f"set a smaller transform.size, or remake the store with: {table.store.remake} store.size={wanted}"
            )
