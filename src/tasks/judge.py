"""Judges an alignment model on the studies of one split: retrieval, zero-shot and a linear probe on frozen features."""

import csv
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from src.core.files import replacing
from src.data.datamodule import PairDataModule
from src.data.report import caption_of_report
from src.data.sources import Split
from src.evaluation.embed import StudyEmbeddings, embed_studies
from src.evaluation.linear_probe import linear_probe_auroc
from src.evaluation.prompts import Prompts
from src.evaluation.prototypes import PrototypeUsage, prototype_usage
from src.evaluation.retrieval import retrieval_recall
from src.evaluation.table import chance_column, save_results, text_table, without_chance
from src.evaluation.zero_shot import prompt_embeddings, zero_shot_auroc
from src.models.alignment import AlignmentModel

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verdict:
    """What was measured on one split, and the embeddings it was measured from; no ``usage`` without prototypes."""

    split: Split
    studies: StudyEmbeddings
    usage: PrototypeUsage | None
    metrics: Mapping[str, float]


def judge(
    model: AlignmentModel,
    datamodule: PairDataModule,
    *,
    prompts: Prompts | None,
    prototype_KD: Tensor | None,
    split: Split,
    precision: str,
) -> Verdict:
    """Measure ``model``, where it is, on ``split``.

    Every image and report is embedded once. The linear probe is fitted on the training split's frozen features and
    its penalty chosen on the validation split. Without findings there is neither zero-shot nor probe; without
    ``prompts`` no zero-shot; without ``prototype_KD`` nothing is said of prototypes.
    """
    device = next(model.parameters()).device
    names = datamodule.source.finding_names

    def embed(name: Split, *, texts: bool) -> StudyEmbeddings:
        loader = datamodule.judging_dataloader(name)
        return embed_studies(model, loader, device=device, precision=precision, texts=texts)

    studies = embed(split, texts=True)
    metrics = retrieval_recall(studies.image_ND, studies.text_ND)
    if names and prompts is None:
        _log.warning("zero-shot is left out: this data set has no prompts; give prompts=generic or write your own.")
    elif names and prompts is not None:
        prompt = prompt_embeddings(
            model,
            prompts,
            names,
            tokenizer=model.text_encoder.tokenizer,
            clean=partial(caption_of_report, rules=datamodule.rules),
            max_tokens=datamodule.max_tokens,
        )
        metrics |= zero_shot_auroc(studies.image_ND, studies.label_NF, prompt, names)
    if names:
        val = studies if split == "val" else embed("val", texts=False)
        metrics |= linear_probe_auroc(embed("train", texts=False), val, studies, finding_names=names)
    usage = None
    if prototype_KD is not None:
        usage = prototype_usage(studies.image_ND, studies.text_ND, prototype_KD.cpu())
        metrics |= usage.figures()
    return Verdict(split=split, studies=studies, usage=usage, metrics=metrics)


def prototypes_of(tensors: Mapping[str, Tensor]) -> Tensor | None:
    """The prototypes among the tensors of a loss or of a checkpoint, or None where there are none."""
    return next((tensor for name, tensor in tensors.items() if name.endswith("prototypes_KD")), None)


def show(columns: Mapping[str, Mapping[str, float]], verdict: Verdict, run_dir: Path) -> None:
    """Print the models' figures side by side, with chance, and keep them as ``results.md`` and ``results.json``."""
    shown = {title: without_chance(figures) for title, figures in columns.items()}
    shown["chance"] = chance_column(verdict.metrics)
    save_results(shown, run_dir)
    print(f"\n{len(verdict.studies)} held-out studies ({verdict.split} split)\n{text_table(shown)}")


def keep_skipped(datamodule: PairDataModule, run_dir: Path) -> None:
    """Write the pairs whose image could not be used, and why, as ``skipped.csv``; no file where there are none."""
    if datamodule.skipped:
        with replacing(run_dir / "skipped.csv") as draft, draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(datamodule.skipped[0]._fields)
            writer.writerows(datamodule.skipped)


def show_where(run_dir: Path) -> None:
    """Print where everything lies that the run left."""
    print(f"\nEverything lies in {run_dir}")
    for path in sorted(run_dir.rglob("*")):
        hidden = any(part.startswith((".", "wandb")) for part in path.relative_to(run_dir).parts)
        if path.is_file() and not hidden:
            print(f"  {path.relative_to(run_dir)}")
