"""From finished shards to a store: the index of all rows, the list of what could not be packed, and the place.

Axes: N rows.
"""

import csv
import hashlib
import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from src.core.files import replacing, write_text
from src.data.store.manifest import INDEX, QUARANTINE, Manifest
from src.data.store.shards import problems

_CHUNK = 1 << 22
_HASHING = 4


def write_index(draft: Path) -> int:
    """``index.arrow``: every column of the shards but the images, in one batch. How many rows there are."""
    import pyarrow as pa

    tables = [pa.ipc.open_file(pa.memory_map(str(shard))).read_all().drop_columns("image") for shard in shards(draft)]
    whole = pa.concat_tables(tables).combine_chunks().replace_schema_metadata(None)
    with replacing(draft / INDEX) as path, path.open("wb") as file, pa.ipc.new_file(file, whole.schema) as writer:
        for batch in whole.to_batches():
            writer.write_batch(batch)
    return int(whole.num_rows)


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


def damaged_files(folder: Path, manifest: Manifest) -> list[str]:
    """The files of a store that are missing, or not as they were made."""

    def is_damaged(item: tuple[str, str]) -> bool:
        path = folder / item[0]
        return not path.is_file() or hash_file(path) != item[1]

    # hashing lets go of the interpreter's lock
    with ThreadPoolExecutor(_HASHING) as pool:
        damaged = pool.map(is_damaged, manifest.files.items())
        return [name for name, bad in zip(manifest.files, damaged, strict=True) if bad]


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
