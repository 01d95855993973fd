"""Whether files are there, asked of many at once."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from src.core.errors import UserError

_THREADS = 16


def files_there(paths: Iterable[Path | str]) -> list[bool]:
    """For each path whether a file lies there; none is opened."""
    # in threads: on a network drive each question waits
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda path: Path(path).is_file(), paths, chunksize=256))


def refuse_missing(paths: Sequence[str], root: Path, max_missing: float, advice: str) -> None:
    """Raise ``UserError`` where a larger share of the image files ``paths`` than ``max_missing`` is not there.

    Rows are counted from 1 along ``paths``; ``advice``: what to do, the end of the sentence.
    """
    missing = [position for position, exists in enumerate(files_there(paths)) if not exists]
    if len(missing) > max_missing * len(paths):
        raise UserError(
            f"{len(missing)} of {len(paths)} image files are missing below {root}, more than dataset.max_missing="
            f"{max_missing} admits; the first is row {missing[0] + 1}, {Path(paths[missing[0]]).name}; {advice}"
        )
