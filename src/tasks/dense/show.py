"""What detection and segmentation leave and print once they have measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from src.data.annotated_images import AnnotatedImages
from src.evaluation.cases import Cases
from src.evaluation.dense_table import Task, dense_table
from src.evaluation.estimate import Figures
from src.tasks.heading import Heading
from src.tasks.judge import keep_skipped, show_where
from src.tasks.keep_results import keep_results
from src.tasks.protocol_notes import show_protocol_notes
from src.tasks.tell_loggers import log_figures, log_media


def keep_and_show(
    task: Task,
    figures: Figures,
    cases: Mapping[str, Cases],
    images: AnnotatedImages,
    pictures: Sequence[Path],
    *,
    heading: Heading,
    protocol_notes: Sequence[str],
    loggers: Sequence[Any],
    run_dir: Path,
) -> None:
    """Keep the figures with their cases, print their table, and hand figures and pictures to the loggers.

    ``protocol_notes``: where the run leaves the published protocol, printed below the table.
    """
    keep_results(
        figures,
        cases,
        columns=None,
        heading=heading,
        table=lambda _: dense_table(figures, task),
        run_dir=run_dir,
    )
    show_protocol_notes(protocol_notes, run_dir)
    log_figures(loggers, figures)
    log_media(loggers, pictures)
    keep_skipped(images.images, run_dir)
    show_where(run_dir)
