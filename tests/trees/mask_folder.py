"""One's own images in a folder and PNG masks in another: two findings, pixels to ignore, and images without a mask."""

from pathlib import Path

import numpy as np
import pandas as pd

from tests.trees.pictures import SIZE, phantom_table, write_image

VALUES = {"effusion": 85, "consolidation": 170}
IGNORED, IGNORE = 127, "cardiomegaly"
"""The finding of the phantom that is to be ignored here, and its value."""
READS = (
    "dataset.images={root}/images",
    "dataset.masks={root}/masks",
    "dataset.values={effusion:85,consolidation:170}",
    "dataset.ignore_values=[127]",
    "dataset.table={root}/patients.csv",
)
"""What to type to read the tree."""


def make(root: Path, *, count: int = 40, seed: int = 0) -> None:
    """``count`` images of half as many patients, of which every tenth has no mask."""
    table = phantom_table(count, seed)
    for index in range(count):
        write_image(root / f"images/{index:03d}.{'jpg' if index % 2 else 'png'}", table.image(index))
        if index % 10 != 9:
            write_image(root / f"masks/{index:03d}.png", values_of(table.masks(index)))
    rows = [(f"images/{index:03d}.{'jpg' if index % 2 else 'png'}", f"patient {index // 2}") for index in range(count)]
    pd.DataFrame(rows, columns=["file", "group"]).to_csv(root / "patients.csv", index=False)


def values_of(masks: list[tuple[str, np.ndarray]]) -> np.ndarray:
    """The findings as pixel values; what comes later in ``VALUES`` covers what comes before."""
    value_HW = np.zeros((SIZE, SIZE), dtype=np.uint8)
    known = dict(masks)
    for name, value in {IGNORE: IGNORED, **VALUES}.items():
        if name in known:
            value_HW[known[name]] = value
    return value_HW
