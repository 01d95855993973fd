"""Judges an image encoder by segmentation: a decoder on its maps, trained, and measured by two protocols."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lightning import Trainer
from pydantic import NonNegativeInt
from torch import nn

from src.core.errors import UserError
from src.core.evaluated_model import EvaluatedModel
from src.core.ranges import Fraction
from src.data.annotated_images import AnnotatedImages
from src.data.sources import Split
from src.heads.dense import SegmentationHead
from src.models.features import ImageEncoder
from src.tasks.dense.judge_masks import judge_masks
from src.tasks.dense.module import SegmentationModule
from src.tasks.dense.show import keep_and_show
from src.tasks.dense.train import make_network, refuse_early, train
from src.tasks.dense.tuning import Tuning
from src.tasks.heading import heading_of
from src.tasks.image_title import shows_files


def segment(
    *,
    judge_on: Split,
    threshold: Fraction,
    resamples: int,
    pictures: bool,
    shown: NonNegativeInt,
    evaluated_model: EvaluatedModel,
    dataset_name: str,
    tuning: Tuning,
    annotated_images: Callable[..., AnnotatedImages],
    image_encoder: ImageEncoder,
    make_head: Callable[..., nn.Module],
    head_name: str,
    mask_loss: nn.Module,
    make_trainer: Callable[..., Trainer],
    protocol_notes: Sequence[str],
    loggers: Sequence[Any],
    resume_from: Path | None,
    run_dir: Path,
) -> None:
    """Train a decoder as ``tuning`` says and measure it on the split ``judge_on``, as published and on whole images.

    Writes every image's masks as PNG, in original pixels, the figures with the cases behind them, and ``shown`` images
    with prediction and truth drawn on them into ``run_dir``, and prints one table. ``threshold``: from which
    probability on a pixel belongs to a finding.
    Raises UserError for a data set without masks, or of which nothing can be learnt.
    """
    if not 0 < threshold < 1:
        raise UserError(f"task.threshold={threshold} is no probability to cut at; give one between 0 and 1.")
    images = annotated_images(kind="masks", batch_size=tuning.batch_size, drop_last=tuning.drop_last)
    refuse_early(images, judge_on)
    network = make_network(images, image_encoder, make_head, SegmentationHead, tuning)
    trainer = make_trainer(max_epochs=tuning.max_epochs, patience=tuning.patience)
    module = SegmentationModule(network=network, mask_loss=mask_loss, tuning=tuning)
    if not train(module, images, trainer, resume_from):
        return
    keys = images.case_keys(judge_on)
    heading = heading_of(evaluated_model, keys, split=judge_on, dataset=dataset_name, cases="images")
    heading = heading.with_notes(tuning.said)
    figures, cases, drawn = judge_masks(
        module,
        images,
        judge_on,
        trainer,
        threshold=threshold,
        resamples=resamples,
        shown=shown if pictures else 0,
        files=shows_files(images.source, loggers),
        title=f"{heading.title}; {head_name} head",
        run_dir=run_dir,
    )
    keep_and_show(
        "segment",
        figures,
        cases,
        images,
        drawn,
        heading=heading,
        protocol_notes=protocol_notes,
        loggers=loggers,
        run_dir=run_dir,
    )
