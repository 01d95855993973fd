"""Judges an image encoder by classification: a head on its frozen features, or the whole of it fine-tuned."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer
from torch import Tensor, nn

from src.core.errors import UserError
from src.core.evaluated_model import EvaluatedModel
from src.data.datamodule import PairDataModule
from src.data.sources import Split
from src.evaluation.cases import Scores, save_cases
from src.evaluation.class_table import class_table, fraction_table
from src.evaluation.measure import measure, say_left_out
from src.evaluation.records import Record, write_records
from src.evaluation.table import save_results
from src.evaluation.threshold import best_threshold
from src.models.features import ImageEncoder
from src.tasks.draw_classes import draw_classes
from src.tasks.judge import keep_skipped, refuse_unjudgeable, show_where
from src.tasks.probes.fit import Fit, Probe, ProbeInput
from src.tasks.protocol_notes import show_protocol_notes
from src.tasks.tell_loggers import log_figures, log_media

GROUP = "classify"


def classify(
    *,
    judge_on: Split,
    resamples: int,
    pictures: bool,
    evaluated_model: EvaluatedModel,
    probe: Probe,
    labelled_images: Callable[..., PairDataModule],
    image_encoder: ImageEncoder,
    make_head: Callable[..., nn.Module],
    make_trainer: Callable[..., Trainer],
    protocol_notes: Sequence[str],
    loggers: Sequence[Any],
    resume_from: Path | None,
    run_dir: Path,
) -> None:
    """Fit ``probe`` on the training images and measure it on the split ``judge_on``, class by class.

    Thresholds are chosen on the validation split. Writes every fit's predictions as Parquet, the figures, and the
    first fit's curves into ``run_dir``, and prints one table.
    Raises UserError for a data set without labels, or of which nothing can be learnt.
    """
    datamodule = labelled_images(batch_size=probe.batch_size, drop_last=probe.drop_last)
    names = datamodule.source.finding_names
    if not names:
        raise UserError(
            "task=classify needs labels, and this data set has none; give dataset.label_columns or "
            "dataset.category_column, or another data set."
        )
    refuse_unjudgeable(datamodule, judge_on)
    fits = probe(
        ProbeInput(
            encoder=image_encoder,
            datamodule=datamodule,
            make_head=make_head,
            make_trainer=make_trainer,
            judge_on=judge_on,
            resume_from=resume_from,
        )
    )
    if not fits:
        return
    scores = [_scores(fit, datamodule, judge_on) for fit in fits]
    say_left_out(scores[0], group=GROUP)
    records = []
    for fit, cases in zip(fits, scores, strict=True):
        file = f"cases/{'_'.join([GROUP, *map(str, fit.settings.values())])}.parquet"
        save_cases(cases, run_dir / file)
        chosen = {f"{GROUP}/{name}": value for name, value in fit.chosen.items()}
        figures = {**measure(cases, group=GROUP, resamples=resamples), **chosen}
        records.append(Record(settings=fit.settings, figures=figures, cases={GROUP: file}, model=evaluated_model))
    write_records(records, run_dir)
    text = class_table(records[0].figures, names) if len(records) == 1 else fraction_table(records)
    save_results({_title(record): record.figures for record in records}, run_dir)
    print(f"\n{len(scores[0].keys)} held-out images ({judge_on} split)\n{text}")
    show_protocol_notes(protocol_notes, run_dir)
    for record in records:
        where = "" if len(records) == 1 else f"/{_title(record)}"
        log_figures(loggers, {f"{name}{where}": figure for name, figure in record.figures.items()})
    if pictures:
        log_media(loggers, draw_classes(scores[0], run_dir / "pictures"))
    keep_skipped(datamodule, run_dir)
    show_where(run_dir)


def _scores(fit: Fit, datamodule: PairDataModule, judge_on: Split) -> Scores:
    def labels(split: Split) -> Tensor:
        return torch.from_numpy(datamodule.split(split).label_KF).double()

    exclusive = datamodule.source.exclusive
    return Scores(
        keys=datamodule.case_keys(judge_on),
        names=tuple(datamodule.source.finding_names),
        score_NF=fit.judged_NF,
        label_NF=labels(judge_on),
        exclusive=exclusive,
        probabilities=True,
        threshold_F=None if exclusive else best_threshold(fit.val_NF, labels("val")),
    )


def _title(record: Record) -> str:
    return ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in record.settings.items()) or GROUP
