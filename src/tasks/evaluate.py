"""Judges a checkpoint on held-out studies."""

from pathlib import Path

from lightning import Trainer
from torch import Tensor

from src.core.evaluated_model import EvaluatedModel
from src.data.datamodule import PairDataModule
from src.data.sources import Split
from src.evaluation.prompts import Prompts
from src.models.alignment import AlignmentModel
from src.tasks.draw import draw_pictures
from src.tasks.draw_words import report_terms
from src.tasks.heading import heading_of
from src.tasks.judge import judge, keep_skipped, show, show_where
from src.tasks.tell_loggers import log_figures, log_media


def evaluate(
    *,
    judge_on: Split,
    pictures: bool,
    finding_terms: str,
    resamples: int,
    checkpoint: Path,
    evaluated_model: EvaluatedModel,
    dataset_name: str,
    model: AlignmentModel,
    prototypes: Tensor | None,
    datamodule: PairDataModule,
    prompts: Prompts | None,
    trainer: Trainer,
    run_dir: Path,
) -> None:
    """Judge ``checkpoint``, one of ours or a released MGCA file, on the split ``judge_on``.

    ``model`` holds its weights, and ``prototypes`` those that it has. ``finding_terms``: ``shipped`` or a file of
    the words that name the findings of the heat maps.
    """
    del checkpoint  # asked for, so that a run without one is refused
    terms = report_terms(finding_terms, datamodule)
    verdict = judge(
        model.to(trainer.strategy.root_device),
        datamodule,
        prompts=prompts,
        prototype_KD=prototypes,
        split=judge_on,
        precision=trainer.precision,
        resamples=resamples,
    )
    keys = datamodule.case_keys(judge_on)
    heading = heading_of(evaluated_model, keys, split=judge_on, dataset=dataset_name, cases="studies")
    show({evaluated_model.title: verdict.figures}, verdict, heading, run_dir)
    log_figures(trainer.loggers, verdict.figures)
    if pictures:
        drawn = draw_pictures(model, datamodule, verdict, heading, run_dir, terms=terms, loggers=trainer.loggers)
        log_media(trainer.loggers, drawn)
    keep_skipped(datamodule, run_dir)
    show_where(run_dir)
