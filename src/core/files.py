"""Files that are whole or not there."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# a disk or a network drive that fails, a permission, too many open files
_OF_STORAGE = {
    *(errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ETIMEDOUT, errno.EREMOTEIO),
    *(errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE),
}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft beside ``path`` (same suffix) to write to; it takes the name on leaving, or goes if the block raises.

    An OSError that names no file, as that of a full disk, or the draft, leaves as one that names ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield draft
        draft.replace(path)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(draft), draft):
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that no reader ever finds half of it."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def raise_of_storage(error: BaseException) -> None:
    """Raise ``ValueError`` where ``error`` is of the storage, and not of what the file holds.

    For readers that take every other error of a library for a damaged file.
    """
    if isinstance(error, OSError) and error.errno in _OF_STORAGE:
        raise ValueError(f"cannot be read: {error.strerror}") from error
