"""Judges an alignment model on the studies of one split: retrieval, zero-shot and a linear probe on frozen features."""

import csv
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from src.core.errors import UserError
from src.core.files import replacing
from src.data.datamodule import PairDataModule
from src.data.sources import Split
from src.evaluation.cases import Cases
from src.evaluation.embed import StudyEmbeddings, embed_studies
from src.evaluation.estimate import Figures
from src.evaluation.evaluated_data import content_digest
from src.evaluation.linear_probe import linear_probe_cases, linear_probe_notes
from src.evaluation.measure import measure
from src.evaluation.prompts import Prompts
from src.evaluation.prototypes import PrototypeUsage, prototype_usage
from src.evaluation.resample import evaluable_findings
from src.evaluation.retrieval import retrieval_cases, retrieval_figures
from src.evaluation.table import main_figures, text_table
from src.evaluation.zero_shot import ZeroShot, zero_shot_cases
from src.models.alignment import AlignmentModel
from src.tasks.embed_prompts import embed_prompts
from src.tasks.heading import Heading
from src.tasks.keep_results import keep_results

_log = logging.getLogger(__name__)
_KS = (1, 5, 10)
_LISTED = 12
_HOW = ZeroShot(compare="pairs", ensemble="embeddings", temperature=None, standardise=False)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was measured on one split, and what it was measured from; no ``usage`` without prototypes. ``notes``: what a
    reader of the figures must know.
    """

    split: Split
    studies: StudyEmbeddings
    usage: PrototypeUsage | None
    figures: Figures
    cases: Mapping[str, Cases]
    notes: tuple[str, ...]


def judge(
    model: AlignmentModel,
    datamodule: PairDataModule,
    *,
    prompts: Prompts | None,
    prototype_KD: Tensor | None,
    split: Split,
    precision: str,
    resamples: int,
) -> Verdict:
    """Measure ``model``, where it is, on ``split``.

    Every image and report is embedded once. The linear probe is fitted on the training split's frozen features and
    its penalty chosen on the validation split. Without findings there is neither zero-shot nor probe; without
    ``prompts`` no zero-shot; without ``prototype_KD`` nothing is said of prototypes. ``resamples``: of the bootstrap
    behind each interval.
    """
    device = next(model.parameters()).device
    names = datamodule.source.finding_names

    def embed(name: Split, *, texts: bool) -> StudyEmbeddings:
        loader = datamodule.judging_dataloader(name)
        return embed_studies(model, loader, device=device, precision=precision, texts=texts)

    studies = embed(split, texts=True)
    keys = datamodule.case_keys(split)
    found = retrieval_cases(studies.image_ND, studies.text_ND, studies.label_NF, keys, ks=_KS)
    found = replace(found, truth=content_digest([*datamodule.captions(split), studies.label_NF.nan_to_num(-1)]))
    figures = retrieval_figures(found, studies.label_NF, ks=_KS, resamples=resamples)
    cases: dict[str, Cases] = {"retrieval": found}
    if names and prompts is None:
        _log.warning("zero-shot is left out: this data set has no prompts; give prompts=generic or write your own.")
    elif names and prompts is not None:
        prompt = embed_prompts(model, prompts, datamodule)
        cases["zero_shot"] = zero_shot_cases(
            studies.image_ND, studies.label_NF, keys, prompt, exclusive=datamodule.source.exclusive, how=_HOW
        )
    notes: tuple[str, ...] = ()
    if names:
        val = studies if split == "val" else embed("val", texts=False)
        train = embed("train", texts=False)
        probed = linear_probe_cases(train, val, studies, keys, finding_names=names)
        notes = tuple(linear_probe_notes(train, val, names))
        if probed is not None:
            cases["linear_probe"] = probed
    for group in ("zero_shot", "linear_probe"):
        if group in cases:
            figures |= measure(cases[group], group=group, resamples=resamples)
    usage = None
    if prototype_KD is not None:
        usage = prototype_usage(studies.image_ND, studies.text_ND, prototype_KD.cpu())
        figures |= usage.figures()
    return Verdict(split=split, studies=studies, usage=usage, figures=figures, cases=cases, notes=notes)


def refuse_unjudgeable(datamodule: PairDataModule, split: Split) -> None:
    """Raise UserError where the labels of a split cannot judge anything, before the work that would show it."""
    label_KF = torch.from_numpy(datamodule.split(split).label_KF)
    if not len(label_KF):
        raise UserError(
            f"the {split} split has no usable image to judge on; give task.judge_on=val, or another split in dataset."
        )
    if not evaluable_findings(label_KF):
        raise UserError(
            f"none of {', '.join(datamodule.source.finding_names)} has both a positive and a negative among the "
            f"{len(label_KF)} images of the {split} split, so nothing can be measured; give other findings or a larger "
            "split."
        )


def show(columns: Mapping[str, Figures], verdict: Verdict, heading: Heading, run_dir: Path) -> None:
    """Print the models' figures side by side, with chance, and keep them; the record is of ``verdict``."""
    heading = heading.with_notes(*verdict.notes)
    main = {title: main_figures(figures) for title, figures in columns.items()}
    keep_results(verdict.figures, verdict.cases, columns=main, heading=heading, table=text_table, run_dir=run_dir)


def keep_skipped(datamodule: PairDataModule, run_dir: Path) -> None:
    """Write the pairs whose image could not be used, and why, as ``skipped.csv``; no file where there are none."""
    if datamodule.skipped:
        with replacing(run_dir / "skipped.csv") as draft, draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(datamodule.skipped[0]._fields)
            writer.writerows(datamodule.skipped)


def show_where(run_dir: Path) -> None:
    """Print where everything lies that the run left; of a folder of many files, how many."""
    print(f"\nEverything lies in {run_dir}")
    by_folder: dict[Path, list[Path]] = {}
    for path in sorted(run_dir.rglob("*")):
        place = path.relative_to(run_dir)
        if path.is_file() and not any(part.startswith((".", "wandb")) for part in place.parts):
            by_folder.setdefault(place.parent, []).append(place)
    for folder, places in sorted(by_folder.items()):
        if folder == Path() or len(places) <= _LISTED:
            print(*(f"  {place}" for place in places), sep="\n")
        else:
            print(f"  {folder}/ ({len(places)} files)")
