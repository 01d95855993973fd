"""Judges an image encoder by detection: a detector on its maps, trained, and measured by two protocols."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lightning import Trainer
from pydantic import NonNegativeInt
from torch import nn

from src.core.evaluated_model import EvaluatedModel
from src.data.annotated_images import AnnotatedImages
from src.data.sources import Split
from src.evaluation.coco_format import JudgedImage
from src.evaluation.detection import coco_matches, judge_detections
from src.evaluation.detection_threshold import best_scores
from src.evaluation.prediction_files import save_detections
from src.heads.dense import DetectionHead
from src.models.features import ImageEncoder
from src.tasks.dense.draw_dense import DRAWN_OVERLAP, draw_detections, draw_precision
from src.tasks.dense.module import DetectionModule
from src.tasks.dense.predict import found_in
from src.tasks.dense.show import keep_and_show
from src.tasks.dense.train import make_network, refuse_early, train
from src.tasks.dense.tuning import Tuning
from src.tasks.heading import heading_of
from src.tasks.image_title import shows_files


def detect(
    *,
    judge_on: Split,
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
    make_trainer: Callable[..., Trainer],
    protocol_notes: Sequence[str],
    loggers: Sequence[Any],
    resume_from: Path | None,
    run_dir: Path,
) -> None:
    """Train a detector as ``tuning`` says and measure it on the split ``judge_on``, as published and as COCO does.

    Writes what was found and what is there as COCO's JSON, in original pixels, the figures with the cases behind them,
    and ``shown`` images with both drawn on them into ``run_dir``, and prints one table. The scores from which on
    detections are drawn are chosen on the validation split.
    Raises UserError for a data set without boxes, or of which nothing can be learnt.
    """
    images = annotated_images(kind="boxes", batch_size=tuning.batch_size, drop_last=tuning.drop_last)
    refuse_early(images, judge_on)
    network = make_network(images, image_encoder, make_head, DetectionHead, tuning)
    trainer = make_trainer(max_epochs=tuning.max_epochs, patience=tuning.patience)
    module = DetectionModule(network=network, names=images.finding_names, tuning=tuning)
    if not train(module, images, trainer, resume_from):
        return
    judged, keys = found_in(module, images, judge_on, trainer), images.case_keys(judge_on)
    figures, cases = judge_detections(judged, keys, images.finding_names, resamples=resamples)
    heading = heading_of(evaluated_model, keys, split=judge_on, dataset=dataset_name, cases="images")
    heading = heading.with_notes(tuning.said)
    ids = images.coco_category_ids(judge_on)
    save_detections(judged, keys, images.finding_names, run_dir / "predictions", category_ids=ids)
    drawn = []
    if pictures:
        title, folder = f"{heading.title}; {head_name} head", run_dir / "pictures"
        if shown > 0:
            on_val = judged if judge_on == "val" else found_in(module, images, "val", trainer)
            files = shows_files(images.source, loggers)
            drawn = _draw(judged, on_val, images, judge_on, folder, files=files, title=title, shown=shown)
        drawn += draw_precision(cases["detect"], folder, title=title)
    keep_and_show(
        "detect",
        figures,
        cases,
        images,
        drawn,
        heading=heading,
        protocol_notes=protocol_notes,
        loggers=loggers,
        run_dir=run_dir,
    )


def _draw(
    judged: Sequence[JudgedImage],
    on_val: Sequence[JudgedImage],
    images: AnnotatedImages,
    split: Split,
    folder: Path,
    *,
    files: bool,
    title: str,
    shown: int,
) -> list[Path]:
    """Draw ``judged`` of ``split``, each finding from the score that is best ``on_val``. Returns the files."""
    matches = coco_matches(on_val, images.case_keys("val"), images.finding_names)["all"]
    best = best_scores(matches, DRAWN_OVERLAP)
    return draw_detections(judged, images, split, folder, best=best, files=files, title=title, shown=shown)
