"""From cases to figures: torchmetrics' values, each with its 95 % bootstrap interval.

Axes: N cases, R resamples, F findings or classes, J findings that can be judged.
"""

import logging
from dataclasses import replace

import torch
from torch import Tensor

from src.core.calibration import expected_calibration_error
from src.core.torchvision_ops import ensure_torchvision
from src.evaluation.cases import Cases, Matches, Scores
from src.evaluation.estimate import Estimate, Figures
from src.evaluation.resample import draw_weights, found, resampled

_log = logging.getLogger(__name__)
_UNKNOWN = -1
_SEED = 0
_FEWEST = 5


def measure(cases: Cases, *, group: str, resamples: int) -> dict[str, Estimate | float | int]:
    """Every figure of ``cases``, named ``group/metric``, ``group/metric_mean`` and ``group/metric/finding``.

    Findings: AUROC and average precision; F1, sensitivity and specificity where a threshold was chosen; Brier score
    and expected calibration error (10 bins of equal width) of probabilities. Classes of which a case has one:
    accuracy, each class's accuracy (its recall), F1, and the others one against the rest. ``group/findings`` counts
    those that the means are over: one that no case has, or every case, is left out, and named by
    ``say_left_out``.

    Detections: what ``Matches.metrics`` names, over the findings that have an object; ``group/images`` and
    ``group/objects`` that count and, where not every image does, ``group/skipped_no_box`` and
    ``group/skipped_no_prediction``.

    The interval holds the middle 95 % of those of ``resamples`` bootstrap resamples that have a figure, in which
    patients are drawn whole; it speaks of these test cases, not of another training. A finding that fewer than five
    patients have, or (detections aside) lack, gets none, as so few do not show how they vary; nor does a mean of such
    findings alone.
    """
    if isinstance(cases, Scores):
        judged = judged_findings(cases.label_NF)
        figures = _with_intervals(_point_figures(cases, judged), _only(cases, judged), resamples)
        return {**{f"{group}/{name}": figure for name, figure in figures.items()}, f"{group}/findings": len(judged)}
    if isinstance(cases, Matches):
        once_1N = torch.ones(1, len(cases.keys))
        points = {name: float(value_1) for name, value_1 in resampled(cases, once_1N).items()}
    else:
        points = dict(zip(cases.names, cases.value_NM.nanmean(dim=0).tolist(), strict=True))
    figures = {**_with_intervals(points, cases, resamples), **_counts(cases)}
    return {f"{group}/{name}": figure for name, figure in figures.items()}


def say_left_out(cases: Cases, *, group: str) -> None:
    """Warn of the findings that ``measure`` leaves out, by name."""
    if isinstance(cases, Scores):
        judged = judged_findings(cases.label_NF)
        left_out = [name for f, name in enumerate(cases.names) if f not in judged]
        if left_out:
            _log.warning("%s: left out, as the cases do not hold both with and without: %s", group, ", ".join(left_out))
    if isinstance(cases, Matches):
        _say_without_object(cases, group)


def judged_findings(label_NF: Tensor) -> list[int]:
    """The columns that hold at least one 1 and at least one 0."""
    return ((label_NF == 1).any(dim=0) & (label_NF == 0).any(dim=0)).nonzero().flatten().tolist()


def masked_auroc(score_NF: Tensor, label_NF: Tensor) -> Tensor:
    """AUROC of each column over its known labels, (F,); every column must hold both a 1 and a 0."""
    ensure_torchvision()
    from torchmetrics.functional.classification import binary_auroc

    return _column_by_column(binary_auroc, ranks(score_NF), label_NF)


def ranks(score_NF: Tensor) -> Tensor:
    """Scores to their order between 0 and 1, ties kept: torchmetrics would squash others by a sigmoid, which merges."""
    order = [score_N.unique(return_inverse=True)[1] for score_N in score_NF.unbind(dim=1)]
    return torch.stack(order, dim=1).double() / max(1, len(score_NF))


def _only(cases: Scores, judged: list[int]) -> Scores:
    """The findings that can be judged; classes stay together, as a case's class is the highest of all."""
    if cases.exclusive or len(judged) == len(cases.names):
        return cases
    return replace(
        cases,
        names=tuple(cases.names[f] for f in judged),
        score_NF=cases.score_NF[:, judged],
        label_NF=cases.label_NF[:, judged],
        threshold_F=None if cases.threshold_F is None else cases.threshold_F[judged],
    )


def _say_without_object(cases: Matches, group: str) -> None:
    boxed_N = cases.object_NF.sum(dim=1) > 0
    if boxed_N.any() and cases.counted_N is not None and not cases.counted_N.any():
        _log.warning(
            "%s: no figure, as in none of the %d images with a box anything was found with a score of %g or more",
            *(group, int(boxed_N.sum()), cases.least_score),
        )
        return
    judged = cases.judged()
    left_out = [name for f, name in enumerate(cases.names) if f not in judged]
    if left_out:
        _log.warning("%s: left out, as no image that counts holds one: %s", group, ", ".join(left_out))


def _counts(cases: Cases) -> dict[str, int]:
    if not isinstance(cases, Matches):
        return {}
    objects = int(cases.counted_objects_NF().sum())
    if cases.counted_N is None:
        return {"images": len(cases.keys), "objects": objects}
    boxed_N = cases.object_NF.sum(dim=1) > 0
    return {
        "images": int(cases.counted_N.sum()),
        "objects": objects,
        "skipped_no_box": int((~boxed_N).sum()),
        "skipped_no_prediction": int((boxed_N & ~cases.counted_N).sum()),
    }


def _with_intervals(points: dict[str, float], cases: Cases, resamples: int) -> Figures:
    if not resamples or not points:
        return {name: Estimate(value, torch.nan, torch.nan) for name, value in points.items()}
    weight_RN = draw_weights(cases.keys.group_N, resamples=resamples, seed=_SEED)
    drawn = resampled(cases, weight_RN)
    ends = torch.tensor([0.025, 0.975], dtype=torch.float64)
    estimates = {name: Estimate(value, *drawn[name].nanquantile(ends).tolist()) for name, value in points.items()}
    few = _of_few_patients(cases)
    bare = [figure for figure in estimates if figure.partition("/")[2] in few]
    if isinstance(cases, Scores) and len(few) == len(cases.names):
        bare += [figure for figure in estimates if figure.endswith("_mean")]
    if isinstance(cases, Matches) and len(few) == len(cases.names):
        bare = list(estimates)
    return estimates | {figure: Estimate(points[figure], torch.nan, torch.nan) for figure in bare}


def _of_few_patients(cases: Cases) -> list[str]:
    group_N = cases.keys.group_N
    if isinstance(cases, Matches):
        has_NF = cases.counted_objects_NF() > 0
        return [n for n, has_N in zip(cases.names, has_NF.T, strict=True) if len(group_N[has_N].unique()) < _FEWEST]
    if not isinstance(cases, Scores):
        return []

    def patients(f: int, label: int) -> int:
        return len(group_N[cases.label_NF[:, f] == label].unique())

    return [n for f, n in enumerate(cases.names) if min(patients(f, 0), patients(f, 1)) < _FEWEST]


def _point_figures(cases: Scores, judged: list[int]) -> dict[str, float]:
    if not judged:
        return {}
    ensure_torchvision()
    from torchmetrics.functional import classification as tm

    score_NJ, label_NJ = cases.score_NF[:, judged], cases.label_NF[:, judged]
    rank_NJ = ranks(score_NJ)
    columns = {
        "auroc": _column_by_column(tm.binary_auroc, rank_NJ, label_NJ),
        "average_precision": _column_by_column(tm.binary_average_precision, rank_NJ, label_NJ),
    }
    found_NF = found(cases)
    if found_NF is not None:
        found_NJ = found_NF[:, judged].long()
        recall_J = _column_by_column(tm.binary_recall, found_NJ, label_NJ)
        columns["f1"] = _column_by_column(tm.binary_f1_score, found_NJ, label_NJ)
        if cases.exclusive:
            columns["accuracy"] = recall_J
        else:
            columns["sensitivity"] = recall_J
            columns["specificity"] = _column_by_column(tm.binary_specificity, found_NJ, label_NJ)
    if cases.probabilities:
        squared_NJ = (score_NJ - label_NJ).square()
        columns["brier"] = squared_NJ.nanmean(dim=0)
        columns["calibration_error"] = _calibration_errors(score_NJ, label_NJ)
    points: dict[str, float] = {}
    if cases.exclusive:
        points["accuracy"] = float((cases.score_NF.argmax(1) == cases.label_NF.argmax(1)).double().mean())
    for metric, value_J in columns.items():
        points[f"{metric}_mean"] = float(value_J.mean())
        points |= {f"{metric}/{cases.names[f]}": v for f, v in zip(judged, value_J.tolist(), strict=True)}
    return points


def _calibration_errors(score_NJ: Tensor, label_NJ: Tensor) -> Tensor:
    """Of each column over its known labels, float64 (J,)."""
    errors = []
    for score_N, label_N in zip(score_NJ.unbind(1), label_NJ.unbind(1), strict=True):
        known_N = ~label_N.isnan()
        once_N1 = torch.ones(int(known_N.sum()), 1)
        errors.append(expected_calibration_error(score_N[known_N], label_N[known_N], once_N1)[0])
    return torch.stack(errors)


def _column_by_column(metric, score_NJ: Tensor, label_NJ: Tensor, **settings: int) -> Tensor:  # type: ignore[no-untyped-def]
    target_NJ = label_NJ.nan_to_num(_UNKNOWN).long()
    values = [
        metric(score_N, target_N, ignore_index=_UNKNOWN, validate_args=False, **settings)
        for score_N, target_N in zip(score_NJ.unbind(1), target_NJ.unbind(1), strict=True)
    ]
    return torch.stack(values).double()
