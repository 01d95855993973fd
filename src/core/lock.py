"""A file that one process holds at a time."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}


class HeldError(Exception):
    """Another process holds the file; the message says which one, and on which machine."""


@contextmanager
def only_process(path: Path) -> Iterator[None]:
    """Hold ``path`` while the block runs. Raises HeldError where another process, here or elsewhere, holds it.

    The kernel lets go when the holder ends, however it ends, and does not count what it forked, so that nothing stale
    is left. It is a record lock, which network file systems carry between machines; one that has no locks holds
    nobody back. Within one process it excludes nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EAGAIN}:
                file.seek(0)
                raise HeldError(file.read().strip() or "another process") from None
            if error.errno not in _WITHOUT_LOCKS:
                raise
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
