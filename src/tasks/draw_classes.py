"""The curves of one fitted classifier, and what several heads measure by their share of the training images."""

import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from src.evaluation.cases import Scores
from src.evaluation.class_table import percent, values_by_fraction
from src.evaluation.metric_name import MetricName
from src.evaluation.records import Record
from src.evaluation.resample import evaluable_findings
from src.evaluation.table import spoken
from src.pictures.curves import draw_precision_recall, draw_roc
from src.pictures.reliability import draw_reliability
from src.pictures.sweep_plot import Mark, Panel, draw_sweep


def draw_classes(scores: Scores, folder: Path, *, title: str) -> list[Path]:
    """Draw into ``folder`` what ``scores`` can show; the files drawn."""
    score_NF, label_NF = scores.score_NF.numpy(), scores.label_NF.numpy()
    pictures: dict[str, Callable[..., list[str]]] = {"roc": draw_roc, "precision_recall": draw_precision_recall}
    if scores.probabilities:
        pictures["reliability"] = draw_reliability
    files = {folder / f"{name}.png": draw for name, draw in pictures.items()}
    return [path for path, draw in files.items() if draw(score_NF, label_NF, scores.names, path, title=title)]


def draw_fractions(records: Sequence[Record], scores: Scores, path: Path, *, title: str) -> Path:
    """Draw the mean and the sample standard deviation over seeds of each metric's mean, by the training fraction.

    ``scores``: of any of the heads, for the labels, which say what guessing would give. Returns ``path``.
    """
    chance = _chance(scores)
    panels = []
    for name, by_fraction in values_by_fraction(records).items():
        parsed = MetricName.parse(name)
        panels.append(
            Panel(
                title=spoken(parsed.without_group),
                x_label="share of the training images",
                x=tuple(by_fraction),
                x_names=tuple(map(percent, by_fraction)),
                names=("",),
                series=(tuple(_mark(values) for values in by_fraction.values()),),
                chance=chance.get(parsed.metric) if parsed.is_mean else None,
            )
        )
    draw_sweep(panels, path, title=title)
    return path


def _mark(values: Sequence[float]) -> Mark:
    """The mean with one sample standard deviation to either side."""
    finite = tuple(value for value in values if math.isfinite(value))
    mean = statistics.fmean(finite) if finite else math.nan
    sd = statistics.stdev(finite) if len(finite) > 1 else math.nan
    return Mark(mean=mean, low=mean - sd, high=mean + sd, values=finite, published=None)


def _chance(scores: Scores) -> dict[str, float]:
    """What guessing gives of the means over findings: AUROC 0.5, average precision the share of positives."""
    label_NF = scores.label_NF[:, evaluable_findings(scores.label_NF)]
    return {"auroc": 0.5, "average_precision": float(torch.nanmean(label_NF, dim=0).mean())}
