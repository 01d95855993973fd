"""Judges a model on findings that it was never told of, by sentences alone."""

from pathlib import Path

import torch
from lightning import Trainer
from pydantic import PositiveFloat

from src.core.errors import UserError
from src.core.evaluated_model import EvaluatedModel
from src.data.datamodule import PairDataModule
from src.data.sources import Split
from src.evaluation.cases import Scores
from src.evaluation.class_table import class_table
from src.evaluation.embed import embed_studies
from src.evaluation.measure import measure
from src.evaluation.prompts import Prompts
from src.evaluation.zero_shot import Compare, Ensemble, ZeroShot, rows_of_one_class, zero_shot_cases
from src.models.alignment import AlignmentModel
from src.tasks.draw_classes import draw_classes
from src.tasks.embed_prompts import embed_prompts
from src.tasks.heading import heading_of
from src.tasks.judge import keep_skipped, refuse_unjudgeable, show_where
from src.tasks.keep_results import keep_results
from src.tasks.tell_loggers import log_figures, log_media


def zero_shot(
    *,
    judge_on: Split,
    compare: Compare,
    ensemble: Ensemble,
    temperature: PositiveFloat | None,
    standardise: bool,
    resamples: int,
    pictures: bool,
    evaluated_model: EvaluatedModel,
    dataset_name: str,
    model: AlignmentModel,
    datamodule: PairDataModule,
    prompts: Prompts | None,
    trainer: Trainer,
    run_dir: Path,
) -> None:
    """Score every finding of every image of the split ``judge_on`` by its prompts; the images are embedded once.

    ``compare``, ``ensemble``, ``temperature``, ``standardise``: see ``ZeroShot``. ``resamples``: of the bootstrap
    behind each interval. ``pictures``: draw the curves of the findings.
    Raises UserError where the data set has no findings, no prompts, or no image that can be judged so.
    """
    source = datamodule.source
    how = ZeroShot(compare=compare, ensemble=ensemble, temperature=temperature, standardise=standardise)
    if not source.finding_names:
        raise UserError(
            "zero-shot needs labels to be held against, and the data set has none; choose another, or name its label "
            "columns (dataset.label_columns=[...])"
        )
    if prompts is None:
        raise UserError("zero-shot needs prompts, and this data set has none; give prompts=generic, or write your own.")
    by_classes = how.by_classes(source.finding_names, exclusive=source.exclusive)
    refuse_unjudgeable(datamodule, judge_on)
    if by_classes:
        # what cannot be judged is said before the images are read
        rows_of_one_class(torch.from_numpy(datamodule.split(judge_on).label_KF))
    model = model.to(trainer.strategy.root_device)
    prompt = embed_prompts(model, prompts, datamodule)
    loader = datamodule.judging_dataloader(judge_on)
    studies = embed_studies(
        model, loader, device=trainer.strategy.root_device, precision=trainer.precision, texts=False
    )
    keys = datamodule.case_keys(judge_on)
    cases = zero_shot_cases(studies.image_ND, studies.label_NF, keys, prompt, exclusive=source.exclusive, how=how)
    figures = measure(cases, group="zero_shot", resamples=resamples)
    if cases.exclusive:
        figures["zero_shot/chance_accuracy"] = 1 / len(cases.names)
    heading = heading_of(evaluated_model, cases.keys, split=judge_on, dataset=dataset_name, cases="images")
    heading = heading.with_notes(_how(cases, sentences=len(prompt.group_S)))
    keep_results(
        figures,
        {"zero_shot": cases},
        columns=None,
        heading=heading,
        table=lambda _: class_table(figures, cases.names),
        run_dir=run_dir,
    )
    log_figures(trainer.loggers, figures)
    if pictures:
        log_media(trainer.loggers, draw_classes(cases, run_dir / "pictures", title=f"{heading.title}; zero-shot"))
    keep_skipped(datamodule, run_dir)
    show_where(run_dir)


def _how(cases: Scores, *, sentences: int) -> str:
    if cases.exclusive:
        return f"{sentences} sentences, classes against one another: accuracy by chance {1 / len(cases.names):.3f}"
    return f"{sentences} sentences, each finding against its absence"
