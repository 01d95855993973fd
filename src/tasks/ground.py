"""Judges where a model looks for a phrase: its heat over the image against the region that the phrase names."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from pathlib import Path

import torch
from lightning import Trainer
from pydantic import NonNegativeInt, PositiveFloat

from src.core.errors import UserError
from src.core.evaluated_model import EvaluatedModel
from src.data.datamodule import PairDataModule
from src.data.phrase_regions import Region
from src.data.sources import GroundedTable, Split
from src.evaluation.attention_map import Heat
from src.evaluation.evaluated_data import content_digest
from src.evaluation.grounding import MEASURES, grounding_cases, grounding_figures
from src.evaluation.table import text_table
from src.models.alignment import AlignmentModel
from src.pictures.grounding import GroundedPhrase, draw_grounding
from src.tasks.ground_phrases import Shown, Target, Targets, find_targets, ground_phrases
from src.tasks.ground_prior import Prior, ground_by_prior
from src.tasks.heading import heading_of
from src.tasks.image_title import image_title, shows_files
from src.tasks.judge import keep_skipped, show_where
from src.tasks.keep_results import keep_results
from src.tasks.tell_loggers import log_figures, log_media


def ground(
    *,
    judge_on: Split,
    heat: Heat,
    temperature: PositiveFloat,
    region: Region,
    resamples: int,
    pictures: bool,
    shown: NonNegativeInt,
    evaluated_model: EvaluatedModel,
    dataset_name: str,
    model: AlignmentModel,
    datamodule: PairDataModule,
    trainer: Trainer,
    run_dir: Path,
) -> None:
    """Ground every phrase of the split ``judge_on`` and hold it against its region.

    ``heat`` and ``temperature``: see ``phrase_heat``. ``region``: see ``seen_regions``. ``resamples``: of the bootstrap
    behind each interval. ``shown``: how many phrases the picture shows.
    Raises UserError where the data set has no phrases with regions, or the temperature is not above 0.
    """
    if not temperature > 0:
        raise UserError(f"task.temperature is {temperature}, but must be above 0")
    targets = find_targets(datamodule, judge_on, region=region)
    model = model.to(trainer.strategy.root_device)
    chosen = choose_shown([target.category for target in targets.found], shown) if pictures else []
    prior = ground_by_prior(datamodule, judge_on, targets.found, region=region, stretch=heat == "attention")
    grounded = ground_phrases(
        model,
        datamodule,
        judge_on,
        targets.found,
        heat=heat,
        temperature=temperature,
        show=chosen,
        precision=trainer.precision,
    )
    keys = datamodule.case_keys(judge_on).take(torch.tensor([target.position for target in targets.found]))
    measure_QM = torch.cat([grounded.measure_QM, prior.measure_QM], dim=1)
    cases = grounding_cases(measure_QM, [target.category for target in targets.found], keys)
    cases = replace(cases, truth=_phrases_digest(datamodule, judge_on))
    figures = grounding_figures(cases, resamples=resamples)
    heading = heading_of(evaluated_model, keys, split=judge_on, dataset=dataset_name, cases="phrases")
    heading = heading.with_notes(*_notes(targets, heat, grounded.grid, prior))
    keep_results(figures, {"grounding": cases}, columns=None, heading=heading, table=text_table, run_dir=run_dir)
    log_figures(trainer.loggers, figures)
    if chosen:
        split, files = datamodule.split(judge_on), shows_files(datamodule.source, trainer.loggers)
        drawn = []
        for number in chosen:
            target, measures = targets.found[number], measure_QM[number].tolist()
            name = image_title(split.table, int(split.index_K[target.position]), files=files)
            drawn.append(_picture(target, measures, grounded.shown[number], heat, name=name))
        path = run_dir / "pictures" / "grounding.png"
        draw_grounding(drawn, path, title=f"{len(chosen)} of {heading.title}; heat: {heat}")
        log_media(trainer.loggers, [path])
    keep_skipped(datamodule, run_dir)
    show_where(run_dir)


def choose_shown(categories: Sequence[str], count: int) -> list[int]:
    """Up to ``count`` phrases, the first of each category, then the second, and so on."""
    queues: dict[str, list[int]] = defaultdict(list)
    for number, category in enumerate(categories):
        queues[category].append(number)
    in_turn = chain.from_iterable(zip_longest(*(queues[category] for category in sorted(queues))))
    return [number for number in in_turn if number is not None][:count]


def _phrases_digest(datamodule: PairDataModule, name: Split) -> str:
    """The digest of all phrases of a split with their regions, as the data set has them, before any transform."""
    split = datamodule.split(name)
    assert isinstance(split.table, GroundedTable)
    phrases = (phrase for index in split.index_K.tolist() for phrase in split.table.phrases(index))
    return content_digest(part for p in phrases for part in (p.text, p.category, p.box_N4, p.mask_HW))


def _notes(targets: Targets, heat: Heat, grid: tuple[int, int], prior: Prior) -> list[str]:
    rows, columns = grid
    notes = [
        f"Heat: {heat}. Chance: a cell of the {rows} x {columns} map drawn by lot. Ceiling: the best that any map of "
        f"{rows} x {columns} can point.",
        f"Prior: the mean region of the phrase's category, without the image and at its own pixels, {prior.said}.",
    ]
    if targets.unread:
        notes.append(f"{targets.unread} phrases hold too few words under these rules and are left out.")
    if targets.unseen:
        notes.append(f"{targets.unseen} phrases name a region that the transform leaves out and are left out.")
    return notes


def _picture(target: Target, measures: Sequence[float], seen: Shown, heat: Heat, *, name: str) -> GroundedPhrase:
    figure = dict(zip(MEASURES, measures, strict=True))
    return GroundedPhrase(
        image_HW=seen.image_HW,
        text=target.text,
        title=target.category.replace("_", " "),
        name=name,
        aside=f"pointing {figure['pointing_game']:.1f}, mIoU {figure['miou']:.2f}, CNR {figure['cnr']:.2f}",
        region_HW=target.region_HW,
        heat_P=seen.heat_P,
        grid=seen.grid,
        shares=heat == "attention",
    )
