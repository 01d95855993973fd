"""What the captions of pictures call an image: its file where the data set's yaml allows that, else its row."""

from collections.abc import Sequence
from typing import Any

from src.data.sources import HasImageFiles, PairSource, PairTable


def shows_files(source: PairSource, loggers: Sequence[Any]) -> bool:
    """Return whether captions name files: where the data set allows it, and no logger uploads them unasked.

    File names can hold patients' ids. A logger that uploads pictures (``log_media``) must allow names too
    (``log_file_names``).
    """
    uploads = [logger for logger in loggers if getattr(logger, "log_media", False)]
    return bool(getattr(source, "show_file_names", False)) and all(
        getattr(logger, "log_file_names", False) for logger in uploads
    )


def image_title(table: PairTable, index: int, *, files: bool) -> str:
    """Return the image's file below the data set's folder, or ``row N`` of its table."""
    if files and isinstance(table, HasImageFiles) and (file := table.relative_file(index)):
        return file
    return f"row {table.row(index)}"
