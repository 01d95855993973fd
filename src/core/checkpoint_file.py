"""The names of a run's newest checkpoints and of their config, and whether one is whole; without loading PyTorch."""

import zipfile
from pathlib import Path

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"
CONFIG, PROVENANCE = "config.yaml", "provenance.json"


def is_whole(path: Path) -> bool:
    """Whether every entry of a checkpoint of ours has the checksum that it was written with."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError):
        return False
