"""From finished shards to a store: the index of all rows, the list of what could not be packed, and the place.

Axes: N rows.
"""

import csv
import hashlib
import io
import shutil
from pathlib import Path

from src.core.files import replacing, write_text
from src.data.store.manifest import INDEX, QUARANTINE
from src.data.store.shards import problems

_CHUNK = 1 << 22


def write_index(draft: Path) -> None:
    """``index.arrow``: every column of the shards but the images, in one batch."""
    import pyarrow as pa

    tables = [pa.ipc.open_file(pa.memory_map(str(shard))).read_all().drop_columns("image") for shard in shards(draft)]
    whole = pa.concat_tables(tables).combine_chunks().replace_schema_metadata(None)
    with replacing(draft / INDEX) as path, path.open("wb") as file, pa.ipc.new_file(file, whole.schema) as writer:
        for batch in whole.to_batches():
            writer.write_batch(batch)


def write_quarantine(draft: Path) -> int:
    """``quarantine.csv``: row, file and reason of each image that could not be packed. How many there are."""
    found = [problem for shard in shards(draft) for problem in problems(shard)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "file", "reason"])
    writer.writerows(found)
    write_text(draft / QUARANTINE, text.getvalue())
    return len(found)


def hashes(draft: Path) -> dict[str, str]:
    """SHA-256 of the index and of each shard."""
    return {path.name: hash_file(path) for path in [draft / INDEX, *shards(draft)]}


def hash_file(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            hashed.update(piece)
    return hashed.hexdigest()


def publish(draft: Path, folder: Path) -> None:
    """Give the finished ``draft`` its place; a store that lies there stays until the new one takes it."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def shards(draft: Path) -> list[Path]:
    """The finished shards, in the order of their rows."""
    return sorted(draft.glob("images-*.arrow"))
