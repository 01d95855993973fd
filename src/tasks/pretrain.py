"""Pretrains an image and a text encoder on image-report pairs, then judges the best checkpoint on held-out studies."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from lightning import Trainer
from pydantic import NonNegativeInt, PositiveInt

from src.core.checkpoint import load_exactly, read_tensors
from src.core.evaluated_model import EvaluatedModel
from src.core.rules import Rules
from src.data.datamodule import PairDataModule
from src.data.sources import Split, known_findings
from src.evaluation.estimate import Figures
from src.evaluation.finding_terms import FindingTerms
from src.evaluation.prompts import Prompts
from src.interop.weights import prototypes_of
from src.losses.composite import CompositeLoss
from src.losses.in_parts import refuse_wrong_in_parts
from src.models.alignment import AlignmentModel
from src.tasks.best_checkpoint import best_checkpoint
from src.tasks.draw import draw_pictures
from src.tasks.draw_words import report_terms
from src.tasks.gradient_cache import GradientCache
from src.tasks.heading import heading_of
from src.tasks.judge import Verdict, judge, keep_skipped, show, show_where
from src.tasks.pretrain_module import Negatives, PretrainModule
from src.tasks.recipes import OptimizerRecipe, SchedulerRecipe
from src.tasks.tell_loggers import log_figures, log_media


def pretrain(
    *,
    untrained_baseline: bool,
    judge_on: Split,
    pictures: bool,
    finding_terms: str,
    resamples: NonNegativeInt,
    rules: Rules,
    negatives: Negatives | Literal["auto"],
    micro_batch_size: PositiveInt | None,
    whole_batch_norm: bool,
    evaluated_model: EvaluatedModel,
    dataset_name: str,
    model: AlignmentModel,
    loss: CompositeLoss,
    datamodule: PairDataModule,
    optimizer: OptimizerRecipe,
    scheduler: SchedulerRecipe,
    trainer: Trainer,
    prompts: Prompts | None,
    resume_from: Path | None,
    run_dir: Path,
) -> None:
    """Train, then judge the checkpoint with the lowest validation loss on the split ``judge_on``.

    Writes checkpoints, ``metrics.csv``, ``results.json``, ``results.md`` and pictures into ``run_dir`` and prints one
    table. ``untrained_baseline``: the same model before its first step is judged too, in a column of its own,
    unless the run continues a trained one. ``negatives``: see ``PretrainModule``; auto is local
    under the published ``rules`` and else global. ``micro_batch_size``, or None for
    whole batches, and ``whole_batch_norm``: see ``GradientCache``. ``finding_terms``: see ``evaluate``.
    Raises UserError where ``resume_from`` does not fit, where several processes cannot compute a loss as one would, or
    where the loss stops being a number.
    """
    # what does not fit is said before the training and not after it
    terms = report_terms(finding_terms, datamodule)
    if prompts is not None:
        prompts.for_findings(datamodule.source.finding_names, known=known_findings(datamodule.source))
    contrasted = _negatives(negatives, rules)
    if contrasted == "global" and trainer.num_devices * trainer.num_nodes > 1:
        refuse_wrong_in_parts(loss.named, width=model.embedding_dim)
    module = PretrainModule(
        model=model,
        loss=loss,
        negatives=contrasted,
        gradient_cache=_cache(micro_batch_size, whole_batch_norm),
        optimizer=optimizer,
        scheduler=scheduler,
    )
    if resume_from is not None:
        load_exactly(module, read_tensors(resume_from), str(resume_from))
    evaluate = partial(_evaluate, module, datamodule, trainer, prompts=prompts, split=judge_on)
    columns = {}
    if untrained_baseline and resume_from is None and trainer.is_global_zero:
        columns[f"before training: {evaluated_model.title}"] = evaluate(resamples=0).figures
    trainer.fit(module, datamodule=datamodule, ckpt_path=resume_from)
    if not trainer.is_global_zero:
        return
    file = _load_best(module, trainer, resume_from)
    trained = EvaluatedModel(
        architecture=evaluated_model.architecture,
        weights="checkpoint",
        file=file,
        losses=tuple(loss.parts),
        dataset=dataset_name,
    )
    drawn = terms if pictures else None
    _show(trained, evaluate(resamples=resamples), columns, module, datamodule, trainer, drawn, run_dir)


def _load_best(module: PretrainModule, trainer: Trainer, resume_from: Path | None) -> str | None:
    """Give ``module`` the weights of the best checkpoint, and return its file; None where none was kept."""
    best = best_checkpoint(trainer.checkpoint_callback, resume_from)
    if best is None:
        return None
    load_exactly(module, read_tensors(best), str(best))
    return str(best)


def _show(
    trained: EvaluatedModel,
    final: Verdict,
    columns: Mapping[str, Figures],
    module: PretrainModule,
    datamodule: PairDataModule,
    trainer: Trainer,
    terms: FindingTerms | None,
    run_dir: Path,
) -> None:
    """Print and keep what was measured, ``columns`` before it, and draw the pictures unless ``terms`` are None."""
    keys = datamodule.case_keys(final.split)
    heading = heading_of(trained, keys, split=final.split, dataset=str(trained.dataset), cases="studies")
    show({**columns, f"trained: {trained.title}": final.figures}, final, heading, run_dir)
    log_figures(trainer.loggers, final.figures)
    if terms is not None:
        candidates = datamodule.batch_size * (trainer.world_size if module.negatives == "global" else 1)
        drawn = draw_pictures(
            module.model,
            datamodule,
            final,
            heading,
            run_dir,
            terms=terms,
            loggers=trainer.loggers,
            candidates=candidates,
        )
        log_media(trainer.loggers, drawn)
    keep_skipped(datamodule, run_dir)
    show_where(run_dir)


def _evaluate(
    module: PretrainModule,
    datamodule: PairDataModule,
    trainer: Trainer,
    *,
    prompts: Prompts | None,
    split: Split,
    resamples: int,
) -> Verdict:
    """Judge the model as it is now, with its loss's prototypes where it has them."""
    return judge(
        module.model.to(trainer.strategy.root_device),
        datamodule,
        prompts=prompts,
        prototype_KD=prototypes_of(module.loss.state_dict()),
        split=split,
        precision=trainer.precision,
        resamples=resamples,
    )


def _negatives(chosen: Negatives | Literal["auto"], rules: Rules) -> Negatives:
    if chosen == "auto":
        return "local" if rules == "published" else "global"
    return chosen


def _cache(micro_batch_size: int | None, whole_batch_norm: bool) -> GradientCache | None:
    if micro_batch_size is None:
        return None
    return GradientCache(micro_batch_size=micro_batch_size, whole_batch_norm=whole_batch_norm)
