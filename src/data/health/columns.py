"""The columns of a store as arrays, which every check reads.

Axes: N images, F findings, B boxes, M masks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from src.data.sources import SPLITS, Split

if TYPE_CHECKING:
    import pyarrow as pa

SIDE_BIT: Mapping[Split, int] = {split: 1 << number for number, split in enumerate(SPLITS)}


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Boxes or masks of a data set, one entry each.

    ``image_B``: positions of their images. ``area_B``: in pixels of the original image. ``share_B``: of its area.
    """

    image_B: np.ndarray
    finding_B: np.ndarray
    area_B: np.ndarray
    share_B: np.ndarray

    def __len__(self) -> int:
        return len(self.image_B)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What is known of each image.

    ``row_N``: in the owner's table; "3 of dev" where there are several. ``sha_N32`` and ``look_N32``: uint8, 0 where
    the image could not be read.
    ``problem_N``: why it could not be used, empty where it could, without the file's name. ``side_N``: the splits it
    lies in, one bit each (``SIDE_BIT``). ``label_NF``: 1, 0, -1, NaN as the owner wrote. ``report_N`` and ``source_N``,
    the report and the image's file below the data set's folder: Arrow arrays.
    """

    finding_names: tuple[str, ...]
    row_N: np.ndarray
    patient_N: np.ndarray
    view_N: np.ndarray
    side_N: np.ndarray
    label_NF: np.ndarray
    report_N: Any
    source_N: Any
    sha_N32: np.ndarray
    look_N32: np.ndarray
    tone_N: np.ndarray
    spread_N: np.ndarray
    height_N: np.ndarray
    width_N: np.ndarray
    problem_N: np.ndarray
    boxes: Marks
    masks: Marks

    def __len__(self) -> int:
        return len(self.row_N)

    @property
    def read_N(self) -> np.ndarray:  # noqa: N802
        """Which images could be used, bool (N,)."""
        return np.asarray(self.height_N > 0)

    def within(self, split: Split) -> np.ndarray:
        """Which images lie in ``split``, bool (N,)."""
        return (self.side_N & SIDE_BIT[split]) > 0


def sides(positions: Mapping[Split, np.ndarray], count: int) -> np.ndarray:
    """The splits of each of ``count`` images as bits, uint8 (N,)."""
    side_N = np.zeros(count, dtype=np.uint8)
    for split, position_K in positions.items():
        side_N[position_K] |= SIDE_BIT[split]
    return side_N


def read_columns(
    index: "pa.RecordBatch", finding_names: tuple[str, ...], *, positions: Mapping[Split, np.ndarray]
) -> Columns:
    """The columns of a store's ``index``."""
    height_N, width_N = _values(index, "height"), _values(index, "width")
    return Columns(
        finding_names=finding_names,
        row_N=_rows(index),
        patient_N=_numbered(index, "patient"),
        view_N=_values(index, "view"),
        side_N=sides(positions, len(index)),
        label_NF=_labels(index, len(finding_names)),
        report_N=index.column("report"),
        source_N=index.column("source"),
        sha_N32=_bytes(index, "sha256"),
        look_N32=_bytes(index, "look"),
        tone_N=_values(index, "tone"),
        spread_N=_values(index, "spread"),
        height_N=height_N,
        width_N=width_N,
        problem_N=_problems(index),
        boxes=_boxes(index, height_N, width_N),
        masks=_masks(index, height_N, width_N),
    )


def _rows(index: "pa.RecordBatch") -> np.ndarray:
    """The rows of the owner's table, with the owner's split where the data set has a table for each."""
    row_N = _values(index, "row")
    if len(np.unique(row_N)) == len(row_N):
        return row_N
    return np.array([f"{row} of {split}" for row, split in zip(row_N, _values(index, "split"), strict=True)])


def _values(index: "pa.RecordBatch", name: str) -> np.ndarray:
    return np.asarray(index.column(name).to_numpy(zero_copy_only=False))


def _numbered(index: "pa.RecordBatch", name: str) -> np.ndarray:
    return np.asarray(index.column(name).dictionary_encode().indices.to_numpy(zero_copy_only=False))


def _labels(index: "pa.RecordBatch", findings: int) -> np.ndarray:
    flat = index.column("labels").flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, dtype=np.float32).reshape(len(index), findings)


def _bytes(index: "pa.RecordBatch", name: str) -> np.ndarray:
    column = index.column(name)
    start = column.offset * 32
    return np.frombuffer(column.buffers()[1], dtype=np.uint8)[start : start + 32 * len(column)].reshape(-1, 32)


def _problems(index: "pa.RecordBatch") -> np.ndarray:
    problem_N = _values(index, "problem").astype(object)
    source = index.column("source")
    for position in np.flatnonzero(problem_N != ""):
        file = source[int(position)].as_py().rpartition("/")[2]
        problem_N[position] = problem_N[position].removeprefix(f"{file} ")
    return problem_N


def _owners(lists: Any) -> np.ndarray:
    """The position of the list that each of the flattened values is in."""
    offset_N = lists.offsets.to_numpy(zero_copy_only=False)
    return np.repeat(np.arange(len(lists)), np.diff(offset_N))


def _boxes(index: "pa.RecordBatch", height_N: np.ndarray, width_N: np.ndarray) -> Marks:
    lists = index.column("boxes")
    image_B, boxes = _owners(lists), lists.flatten()
    edge = {name: boxes.field(name).to_numpy(zero_copy_only=False) for name in ("left", "top", "right", "bottom")}
    area_B = (edge["right"] - edge["left"]).astype(np.float64) * (edge["bottom"] - edge["top"])
    whole_B = np.maximum(height_N[image_B].astype(np.float64) * width_N[image_B], 1)
    return Marks(
        image_B=image_B,
        finding_B=boxes.field("finding").to_numpy(zero_copy_only=False),
        area_B=area_B,
        share_B=area_B / whole_B,
    )


def _masks(index: "pa.RecordBatch", height_N: np.ndarray, width_N: np.ndarray) -> Marks:
    lists = index.column("masks")
    image_M, masks = _owners(lists), lists.flatten()
    runs = masks.field("runs")
    offset_M = runs.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    run_R = runs.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    offset_M = offset_M - (offset_M[0] if len(offset_M) else 0)
    total_R = np.concatenate([[0], np.cumsum(run_R)])
    run_R[0::2] = 0
    odd_R = np.concatenate([[0], np.cumsum(run_R)])
    first, last = offset_M[:-1], offset_M[1:]
    odd_M, total_M = odd_R[last] - odd_R[first], total_R[last] - total_R[first]
    # runs of 1 are every second one of each mask, counted from the mask's own first
    area_M = np.where(first % 2 == 0, odd_M, total_M - odd_M)
    whole_M = height_N[image_M].astype(np.int64) * width_N[image_M]
    return Marks(
        image_B=image_M,
        finding_B=masks.field("finding").to_numpy(zero_copy_only=False),
        area_B=area_M,
        share_B=area_M / np.maximum(whole_M, 1),
    )
