"""The columns of a store: one row for every image that the owner's tables name, in the catalogue's order.

Axes: F findings.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_BATCH = 32
_SHARDS = 256
_LEAST_ROWS = 256


def rows_per_shard(rows: int) -> int:
    """Whole batches, so that a store has at most 256 shards whatever its size: each open one costs a file handle."""
    least = max(_LEAST_ROWS, -(-rows // _SHARDS))
    return -(-least // ROWS_PER_BATCH) * ROWS_PER_BATCH


def schema(finding_count: int) -> "pa.Schema":
    """``problem`` says why an image could not be packed; such a row has no image and size 0 x 0."""
    import pyarrow as pa

    box = pa.struct([("finding", pa.int16()), *((edge, pa.float32()) for edge in ("left", "top", "right", "bottom"))])
    mask = pa.struct([("finding", pa.int16()), ("runs", pa.list_(pa.int32()))])
    columns = {
        "image_id": pa.string(),
        "patient": pa.string(),
        "split": pa.string(),
        "view": pa.string(),
        # in the owner's table
        "row": pa.int32(),
        # 1 present, 0 absent, -1 uncertain, NaN blank, as the owner wrote
        "labels": pa.list_(pa.float32(), finding_count),
        "report": pa.large_string(),
        # in pixels of the original image
        "boxes": pa.list_(box),
        # of the original image, so that they are resampled once, by who reads them: lengths of runs of 0 and 1 in turn,
        # row by row
        "masks": pa.list_(mask),
        # below the data set's folder
        "source": pa.string(),
        "sha256": pa.binary(32),
        "height": pa.int32(),
        "width": pa.int32(),
        "look": pa.binary(32),
        "tone": pa.float32(),
        "spread": pa.float32(),
        "problem": pa.string(),
        "image": pa.binary(),
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])
