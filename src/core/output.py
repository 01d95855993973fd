"""What a run prints for its user, as plain lines."""

import errno
import os
import sys
from typing import TextIO

_READER_LEFT = {errno.EPIPE, errno.EIO}


def print_lines(*lines: str) -> None:
    """Print ``lines`` at once, so that a log file that is read meanwhile has them."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def is_reader_gone(error: OSError) -> bool:
    """Return whether ``error`` says that the program or terminal that read the output has ended, as ``| head`` does."""
    return error.errno in _READER_LEFT


def discard(stream: TextIO) -> None:
    """Send what is still written to ``stream`` nowhere, at the end of the process too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
