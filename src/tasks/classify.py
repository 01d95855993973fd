"""Judges an image encoder by classification: a head on its frozen features, or the whole of it fine-tuned."""

from collections.abc import Callable, Sequence
from functools import partial
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
from src.evaluation.class_marks import ClassMarks, notes_of_several
from src.evaluation.class_table import FRACTION, class_table, fraction_table, percent
from src.evaluation.measure import measure, say_left_out
from src.evaluation.records import Record, write_records
from src.evaluation.table import save_results
from src.evaluation.threshold import best_threshold
from src.heads.try_head import classification_head
from src.models.features import ImageEncoder
from src.tasks.draw_classes import draw_classes, draw_fractions
from src.tasks.heading import Heading, heading_of
from src.tasks.judge import keep_skipped, refuse_unjudgeable, show_where
from src.tasks.keep_results import record_of
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
    dataset_name: str,
    probe: Probe,
    labelled_images: Callable[..., PairDataModule],
    image_encoder: ImageEncoder,
    make_head: Callable[..., nn.Module],
    head_name: str,
    make_trainer: Callable[..., Trainer],
    protocol_notes: Sequence[str],
    loggers: Sequence[Any],
    resume_from: Path | None,
    run_dir: Path,
) -> None:
    """Fit ``probe`` on the training images and measure it on the split ``judge_on``, class by class.

    Thresholds are chosen on the validation split. Findings of which that, or the training split, has not both images
    with and without are marked. Writes every fit's predictions as Parquet and the figures into ``run_dir``, and prints
    one table. Draws the curves of one head, and of several heads the mean and the spread over seeds too.
    Raises UserError for a data set without labels, or of which nothing can be learnt.
    """
    datamodule = labelled_images(batch_size=probe.batch_size, drop_last=probe.drop_last)
    _refuse_unlabelled(datamodule)
    refuse_unjudgeable(datamodule, judge_on)
    given = ProbeInput(
        encoder=image_encoder,
        datamodule=datamodule,
        make_head=partial(classification_head, make_head),
        make_trainer=make_trainer,
        judge_on=judge_on,
        resume_from=resume_from,
    )
    fits = probe(given)
    if not fits:
        return
    scores = [_scores(fit, datamodule, judge_on) for fit in fits]
    heading = heading_of(evaluated_model, scores[0].keys, split=judge_on, dataset=dataset_name, cases="images")
    heading = heading.with_notes(probe.said)
    records = _keep(fits, scores, heading, resamples=resamples, run_dir=run_dir)
    show_protocol_notes(protocol_notes, run_dir)
    for record in records:
        where = "" if len(records) == 1 else f"/{_title(record)}"
        log_figures(loggers, {f"{name}{where}": figure for name, figure in record.figures.items()})
    if pictures:
        log_media(loggers, _draw(scores, records, heading, run_dir / "pictures", head=f"{head_name} head"))
    keep_skipped(datamodule, run_dir)
    show_where(run_dir)


def _refuse_unlabelled(datamodule: PairDataModule) -> None:
    if not datamodule.source.finding_names:
        raise UserError(
            "task=classify needs labels, and this data set has none; give dataset.label_columns or "
            "dataset.category_column, or another data set."
        )


def _keep(
    fits: Sequence[Fit], scores: Sequence[Scores], heading: Heading, *, resamples: int, run_dir: Path
) -> list[Record]:
    """Measure every fit, keep its predictions and figures, and print one table of all."""
    say_left_out(scores[0], group=GROUP)
    marks = [ClassMarks.of(cases, fit.train_NF) for fit, cases in zip(fits, scores, strict=True)]
    records = []
    for fit, cases, marked in zip(fits, scores, marks, strict=True):
        file = f"cases/{'_'.join([GROUP, *map(str, fit.settings.values())])}.parquet"
        save_cases(cases, run_dir / file)
        chosen = {f"{GROUP}/{name}": value for name, value in fit.chosen.items()}
        figures = {**measure(cases, group=GROUP, resamples=resamples), **chosen}
        own = heading.with_notes(*marked.notes())
        records.append(record_of(own, figures, {GROUP: file}, settings=fit.settings))
    write_records(records, run_dir)
    if len(records) == 1:
        text = class_table(records[0].figures, scores[0].names, marks[0])
    else:
        of_records = [
            (percent(record.settings[FRACTION]), marked) for record, marked in zip(records, marks, strict=True)
        ]
        by_column = {title: [marked for of, marked in of_records if of == title] for title, _ in of_records}
        text = "\n".join([fraction_table(records), *notes_of_several(by_column)])
    columns = {_title(record, heading.model.title): record.figures for record in records}
    save_results(columns, run_dir, heading=heading.text, table=text)
    print(f"\n{heading.text}\n{text}")
    return records


def _draw(
    scores: Sequence[Scores], records: Sequence[Record], heading: Heading, folder: Path, *, head: str
) -> list[Path]:
    """Draw the curves of one head: the only one, or the first seed's at the largest fraction; the files drawn."""
    if len(records) == 1:
        return draw_classes(scores[0], folder, title=f"{heading.title}; {head}")
    chosen = max(range(len(records)), key=lambda number: (records[number].settings[FRACTION], -number))
    settings = records[chosen].settings
    one = f"{head} on {percent(settings[FRACTION])} of the training images, seed {settings['seed']}"
    title = f"{heading.title}; {one}, one of {len(records)} heads"
    return [
        draw_fractions(records, scores[0], folder / "fractions.png", title=f"{heading.title}; {len(records)} {head}s"),
        *draw_classes(scores[chosen], folder, title=title),
    ]


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


def _title(record: Record, of: str = "") -> str:
    return ", ".join([*([of] if of else []), *(f"{key.rpartition('.')[2]} {v}" for key, v in record.settings.items())])
