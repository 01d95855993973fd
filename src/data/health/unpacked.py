"""A data set that is not packed, read through once so that every check finds the columns of a store.

Axes: H and W pixels.
"""

from typing import TYPE_CHECKING

import numpy as np

from src.data.store.pack_image import decode, pack_image
from src.data.store.packing import Job, make_manifest
from src.data.store.schema import schema
from src.data.store.shards import batches_of
from src.data.store.store import Store
from src.data.store.workers import pack_in_order

if TYPE_CHECKING:
    import pyarrow as pa


class UnpackedStore(Store):
    """What the store of ``job`` would hold, without the images: these are read from their files when asked for."""

    def __init__(self, job: Job, *, num_workers: int) -> None:
        """Reads every image once, with a progress bar; only the columns are kept."""
        self.folder = job.folder
        self.remake = ""
        self._job = job
        self.manifest = make_manifest(job, "", quarantined=0, files={})
        self.index = _read_index(job, num_workers)

    def image(self, row: int) -> np.ndarray:
        """The image as it would be packed, uint8 (H, W), read from its file."""
        job, codec = self._job, self.manifest.recipe["codec"]
        catalogue = job.catalogue
        entry, labels = catalogue.entries[row], catalogue.label_NF[row].tolist()
        packed = pack_image(entry, labels, root=catalogue.root, report_root=catalogue.report_root, recipe=job.recipe)
        placement = self.placement(row)
        return decode(memoryview(packed["image"]), placement.height, placement.width, codec)


def _read_index(job: Job, num_workers: int) -> "pa.RecordBatch":
    import pyarrow as pa
    from tqdm import tqdm

    columns = schema(len(job.catalogue.finding_names))
    kept = columns.remove(columns.get_field_index("image"))
    batches = batches_of(job.catalogue, job.recipe, range(len(job.catalogue.entries)))
    read = []
    with tqdm(desc=f"reading {job.name}", total=len(job.catalogue.entries), unit="image", disable=None) as bar:
        for batch in pack_in_order(batches, num_workers=num_workers):
            read.append(batch.select(kept.names))
            bar.update(len(batch))
    whole = pa.Table.from_batches(read, schema=kept).combine_chunks()
    return whole.to_batches()[0]
