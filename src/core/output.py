"""What a run prints for its user, as plain lines."""

import sys


def print_lines(*lines: str) -> None:
    """Print ``lines`` at once, so that a log file that is read meanwhile has them."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
