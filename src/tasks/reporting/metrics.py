"""Which figures a table shows, what they are called, and which way is better."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Protocol

from src.core.errors import UserError
from src.evaluation.estimate import Estimate, Figures
from src.evaluation.metric_name import MetricName
from src.evaluation.table import is_reference

_MAIN = ("accuracy", "auroc_mean", "*recall_at_10", "*pointing_game", "dice", "map")
_LOWER = ("rank", "brier", "calibration_error", "loss", "hd95")
_BRIEF = {
    "image_to_text_": "I→T ",
    "text_to_image_": "T→I ",
    "recall_at_": "R@",
    "precision_at_": "P@",
    "average_precision": "AP",
    "calibration_error": "ECE",
    "pointing_game": "pointing",
}
_WORDS = {"auroc": "AUROC", "map": "mAP", "mar": "mAR", "miou": "mIoU", "iou": "IoU", "f1": "F1", "hd95": "HD95"}


class Measured(Protocol):
    """Whatever has figures: a record of a run, or a point of a sweep."""

    @property
    def figures(self) -> Figures: ...


def choose_metrics(points: Sequence[Measured], wanted: Sequence[str] | None) -> list[str]:
    """The figures named in ``wanted``; None: the main one of each group (retrieval has one each way).

    Raises UserError for a name that no job has.
    """
    there = list(dict.fromkeys(name for point in points for name in point.figures))
    for name in wanted or ():
        if name not in there:
            near = difflib.get_close_matches(name, there, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}?" if near else f"they have {', '.join(there[:12])}"
            raise UserError(f"task.metrics: no job has the figure {name}; {hint}")
    if wanted:
        return list(dict.fromkeys(wanted))
    groups = dict.fromkeys(MetricName.parse(name).group for name in there)
    chosen = [name for group in groups for name in _main(group, there) if _is_estimated(name, points)]
    return chosen or there[:1]


def _main(group: str, there: Iterable[str]) -> list[str]:
    names = [name for name in map(MetricName.parse, there) if name.group == group and not is_reference(name)]
    for main in _MAIN:
        found = [str(name) for name in names if name.finding is None and _fits(name.without_group, main)]
        if found:
            return found
    return [str(name) for name in names[:1]]


def _fits(name: str, main: str) -> bool:
    return name.endswith(main[1:]) if main.startswith("*") else name == main


def _is_estimated(name: str, points: Sequence[Measured]) -> bool:
    return any(isinstance(point.figures.get(name), Estimate) for point in points)


def lower_is_better(metric: str) -> bool:
    """Whether a smaller figure is the better one."""
    return MetricName.parse(metric).metric.endswith(_LOWER)


def metric_label(metric: str, *, short: bool = False) -> str:
    """``linear_probe/auroc_mean`` as ``linear probe: AUROC mean``, or ``short`` as ``linear probe: AUROC``."""
    name = MetricName.parse(metric)
    if short:
        return f"{name.group.replace('_', ' ')}: {short_label(metric)}"
    said = name.without_group if name.finding is None else name.metric
    words = " ".join(_WORDS.get(word, word) for word in said.replace("_", " ").split())
    of = "" if name.finding is None else f" of {name.finding.replace('_', ' ')}"
    return f"{name.group.replace('_', ' ')}: {words}{of}"


def short_label(metric: str) -> str:
    """A figure's name without its group, for the narrow head of a column: ``I→T R@10``, ``AUROC``, ``AP edema``."""
    name = MetricName.parse(metric)
    words = name.metric
    for long, brief in _BRIEF.items():
        words = words.replace(long, brief)
    said = " ".join(_WORDS.get(word, word) for word in words.replace("_", " ").split())
    return said if name.finding is None else f"{said} {name.finding.replace('_', ' ')}"


def shown(value: float) -> str:
    """A figure as the table prints it."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
