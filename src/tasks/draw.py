"""The pictures of a finished run: training curves, samples, maps of a report's findings, prototype usage."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src.core.batch import PairBatch
from src.data.datamodule import PairDataModule
from src.data.sources import Split
from src.evaluation.estimate import value_of
from src.evaluation.finding_terms import FindingTerms
from src.models.alignment import AlignmentModel
from src.pictures.heatmap import draw_word_maps
from src.pictures.prototypes import draw_prototype_usage
from src.pictures.samples import draw_samples
from src.pictures.training_curves import draw_training_curves
from src.tasks.draw_words import pixels_of, word_maps
from src.tasks.heading import Heading
from src.tasks.image_title import image_title, shows_files
from src.tasks.judge import Verdict

_SAMPLES = 8


def draw_pictures(
    model: AlignmentModel,
    datamodule: PairDataModule,
    verdict: Verdict,
    heading: Heading,
    run_dir: Path,
    *,
    terms: FindingTerms,
    loggers: Sequence[Any],
    candidates: int | None = None,
) -> list[Path]:
    """Draw what the run can show into ``run_dir/pictures``; the files drawn.

    ``terms``: the findings that get heat maps. ``loggers``: those that the pictures may be handed to.
    ``candidates``: among how many pairs the accuracy of training was measured.
    """
    folder = run_dir / "pictures"
    batch = next(iter(datamodule.judging_dataloader(verdict.split))).to("cpu")
    titles = _titles(datamodule, verdict.split, len(batch), files=shows_files(datamodule.source, loggers))
    drawn = [folder / "samples.png"]
    count = min(_SAMPLES, len(batch))
    draw_samples(
        pixels_of(batch, datamodule)[:count],
        datamodule.captions(verdict.split)[:count],
        drawn[0],
        title=f"{count} of {heading.cases}",
        names=titles[:count],
        titles=_findings(batch, datamodule)[:count],
    )
    if maps := word_maps(model, batch, datamodule, verdict.split, terms, titles):
        drawn.append(folder / "heatmaps.png")
        draw_word_maps(maps, drawn[-1], title=f"{len(maps)} of {heading.title}; attention of words to patches")
    if (run_dir / "metrics.csv").is_file():
        drawn.append(folder / "curves.png")
        title = f"Training of {heading.model.title}"
        draw_training_curves(run_dir / "metrics.csv", drawn[-1], title=title, candidates=candidates)
    if verdict.usage is not None:
        drawn.append(folder / "prototypes.png")
        draw_prototype_usage(
            verdict.usage.image_count_K.numpy(),
            verdict.usage.text_count_K.numpy(),
            drawn[-1],
            agreement=value_of(verdict.figures["prototypes/agreement"]),
            chance_agreement=value_of(verdict.figures["prototypes/chance_agreement"]),
            title=heading.title,
        )
    return drawn


def _titles(datamodule: PairDataModule, split: Split, count: int, *, files: bool) -> list[str]:
    pairs = datamodule.split(split)
    return [image_title(pairs.table, int(index), files=files) for index in pairs.index_K[:count]]


def _findings(batch: PairBatch, datamodule: PairDataModule) -> list[str]:
    names = datamodule.source.finding_names
    return [
        ", ".join(name.replace("_", " ") for name, value in zip(names, label_F, strict=True) if value == 1)
        for label_F in batch.label_BF.tolist()
    ]
