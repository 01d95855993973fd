"""What a finished run hands to the loggers: figures always, pictures only where that was asked for."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src.evaluation.estimate import Figures, value_of
from src.evaluation.table import main_figures


def log_figures(loggers: Sequence[Any], figures: Figures) -> None:
    """Hand the main figures, finite ones, to every logger but Lightning's CSV file, whose rows are training steps."""
    from lightning.pytorch.loggers import CSVLogger

    values = {name: float(value_of(figure)) for name, figure in main_figures(figures).items()}
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    for logger in loggers:
        if not isinstance(logger, CSVLogger):
            logger.log_metrics(finite)


def log_media(loggers: Sequence[Any], pictures: Sequence[Path]) -> None:
    """Hand the pictures to the loggers that were told to take media, and to no other."""
    for logger in loggers:
        if getattr(logger, "log_media", False):
            for path in pictures:
                logger.log_image(key=path.stem, images=[str(path)])
