"""Reads a packed store: columns from the index, images from the shards, all of it memory-mapped.

Processes that map the same file share its pages, so a worker costs next to nothing. Axes: N rows, F findings.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.core.errors import UserError
from src.data.resize import Placement, move_boxes, place
from src.data.run_lengths import decode_mask
from src.data.store.manifest import INDEX, Manifest, read_manifest
from src.data.store.pack_image import decode
from src.data.store.recipe import Codec

if TYPE_CHECKING:
    import pyarrow as pa


class Store:
    """A store in ``folder``. It pickles as its path: every process maps the files for itself."""

    def __init__(self, folder: Path, *, remake: str) -> None:
        """``remake``: the command that messages end with. Raises ``UserError`` where there is no store to read."""
        self.folder = folder
        self.remake = remake
        self.manifest: Manifest = read_manifest(folder, remake=remake)
        self._codec: Codec = self.manifest.recipe["codec"]
        self._shard_names = self.manifest.shards
        self._shards: dict[int, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.folder, self.remake)

    def __len__(self) -> int:
        return self.manifest.rows

    @cached_property
    def index(self) -> "pa.RecordBatch":
        """Every column but the images, in one batch."""
        return self._map(INDEX).to_batches()[0]

    def column(self, name: str) -> np.ndarray:
        """A column of numbers or strings as an array (N,)."""
        return np.asarray(self.index.column(name).to_numpy(zero_copy_only=False))

    @cached_property
    def patient_N(self) -> np.ndarray:  # noqa: N802
        """A number for each row's patient (N,), the same wherever the patient is the same."""
        patients = self.index.column("patient").dictionary_encode()
        return np.asarray(patients.indices.to_numpy(zero_copy_only=False))

    @cached_property
    def label_NF(self) -> np.ndarray:  # noqa: N802
        """float32 (N, F) as the owner wrote them: 1, 0, -1 uncertain, NaN blank; a view of the file."""
        findings = len(self.manifest.finding_names)
        return np.asarray(self.index.column("labels").flatten().to_numpy()).reshape(len(self), findings)

    def image(self, row: int) -> np.ndarray:
        """The packed image, uint8 (H, W); not to be written to."""
        shard, row_in_shard = divmod(row, self.manifest.rows_per_shard)
        batch, position = divmod(row_in_shard, self.manifest.rows_per_batch)
        if shard not in self._shards:
            # not by included_fields, which would copy
            self._shards[shard] = self._map(self._shard_names[shard]).column("image")
        data = self._shards[shard].chunk(batch)[position].as_buffer()
        placement = self.placement(row)
        return decode(memoryview(data).toreadonly(), placement.height, placement.width, self._codec)

    def size(self, row: int) -> tuple[int, int]:
        """Height and width of the original."""
        height_N, width_N = self._size_N
        return int(height_N[row]), int(width_N[row])

    def placement(self, row: int) -> Placement:
        """Where the original lies in the packed image."""
        recipe = self.manifest.recipe
        return place(*self.size(row), size=recipe["size"], pad=recipe["pad"], resize=recipe["resize"])

    def report(self, row: int) -> str:
        """The report as its owner wrote it."""
        return str(self._cell("report", row))

    def source(self, row: int) -> str:
        """The image's file, below the data set's folder."""
        return str(self._cell("source", row))

    def boxes(self, row: int) -> list[tuple[int, np.ndarray]]:
        """Finding and left, top, right, bottom of each box, in pixels of the packed image."""
        boxes = self.original_boxes(row)
        edge_N4 = np.array([edge_4 for _, edge_4 in boxes])
        moved_N4 = move_boxes(edge_N4, *self.size(row), self.placement(row))
        return [(finding, edge_4) for (finding, _), edge_4 in zip(boxes, moved_N4, strict=True)]

    def original_boxes(self, row: int) -> list[tuple[int, np.ndarray]]:
        """Finding and left, top, right, bottom of each box, in pixels of the original."""
        return [
            (box["finding"], np.array([box[edge] for edge in ("left", "top", "right", "bottom")], dtype=np.float32))
            for box in self._cell("boxes", row)
        ]

    def masks(self, row: int) -> list[tuple[int, np.ndarray]]:
        """Finding and mask of each finding that has one, bool (H, W) of the original."""
        return [
            (mask["finding"], decode_mask(np.array(mask["runs"]), *self.size(row))) for mask in self._cell("masks", row)
        ]

    @cached_property
    def _size_N(self) -> tuple[np.ndarray, np.ndarray]:  # noqa: N802
        return self.column("height"), self.column("width")

    def _cell(self, column: str, row: int) -> Any:
        return self.index.column(column)[row].as_py()

    def _map(self, name: str) -> "pa.Table":
        import pyarrow as pa

        try:
            return pa.ipc.open_file(pa.memory_map(str(self.folder / name))).read_all()
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError(
                f"{self.folder / name} is missing or damaged; remake the store with: {self.remake}"
            ) from error


def _reopen(folder: Path, remake: str) -> Store:
    return Store(folder, remake=remake)
