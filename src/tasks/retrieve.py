"""Judges how well a model finds a study's report by its image, and its image by its report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lightning import Trainer

from src.core.errors import UserError
from src.core.evaluated_model import EvaluatedModel
from src.data.datamodule import PairDataModule
from src.data.sources import Split
from src.evaluation.embed import embed_studies
from src.evaluation.evaluated_data import content_digest
from src.evaluation.retrieval import retrieval_cases, retrieval_figures
from src.evaluation.table import text_table
from src.models.alignment import AlignmentModel
from src.tasks.heading import heading_of
from src.tasks.judge import keep_skipped, show_where
from src.tasks.keep_results import keep_results
from src.tasks.tell_loggers import log_figures


def retrieve(
    *,
    judge_on: Split,
    ks: Sequence[int],
    resamples: int,
    evaluated_model: EvaluatedModel,
    dataset_name: str,
    model: AlignmentModel,
    datamodule: PairDataModule,
    trainer: Trainer,
    run_dir: Path,
) -> None:
    """Recall and precision by label among the first ``ks``, and ranks, both ways, on the split ``judge_on``.

    ``resamples``: of the bootstrap behind each interval.
    Raises UserError where the split is empty, or has fewer studies than a k.
    """
    count = len(datamodule.split(judge_on))
    check_ks(ks, count, judge_on)
    device = trainer.strategy.root_device
    studies = embed_studies(
        model.to(device),
        datamodule.judging_dataloader(judge_on),
        device=device,
        precision=trainer.precision,
    )
    keys = datamodule.case_keys(judge_on)
    cases = retrieval_cases(studies.image_ND, studies.text_ND, studies.label_NF, keys, ks=ks)
    cases = replace(cases, truth=content_digest([*datamodule.captions(judge_on), studies.label_NF.nan_to_num(-1)]))
    figures = retrieval_figures(cases, studies.label_NF, ks=ks, resamples=resamples)
    heading = heading_of(evaluated_model, keys, split=judge_on, dataset=dataset_name, cases="studies")
    heading = heading.with_notes(*notes(datamodule, judge_on))
    keep_results(figures, {"retrieval": cases}, columns=None, heading=heading, table=text_table, run_dir=run_dir)
    log_figures(trainer.loggers, figures)
    keep_skipped(datamodule, run_dir)
    show_where(run_dir)


def notes(datamodule: PairDataModule, split: Split) -> list[str]:
    """What a reader of the figures should know of the split's reports."""
    said = []
    packed = getattr(datamodule.source, "packed", None)
    if getattr(packed, "reports", "own") == "labels":
        said.append(
            "The reports are sentences made of the labels, the same for all studies of the same labels: recall and "
            "ranks say little, precision by label says more."
        )
    captions = datamodule.captions(split)
    shared = sum(count for count in Counter(captions).values() if count > 1)
    if shared:
        said.append(
            f"{shared} of {len(captions)} reports have the very words of another study's; such reports tie, and share "
            "the hit."
        )
    return said


def check_ks(ks: Sequence[int], count: int, split: Split) -> None:
    """Raise UserError where the ``count`` studies of ``split`` are none, or fewer than one of ``ks``."""
    if not count:
        raise UserError(f"the {split} split has no study to judge on; check dataset and splits, or set task.judge_on")
    if not ks or min(ks) < 1:
        raise UserError(f"task.ks is {list(ks)}, but needs at least one number, and each at least 1")
    if max(ks) > count:
        raise UserError(
            f"task.ks asks for the first {max(ks)}, but the {split} split has {count} studies; ask for fewer"
        )
