"""From cases to figures, each with its 95 % bootstrap interval.

Axes: N cases, R resamples, F findings or classes.
"""

import logging

import torch
from torch import Tensor

from src.evaluation.cases import Cases, Matches, Scores
from src.evaluation.estimate import Estimate, percentile_interval
from src.evaluation.patient_counts import PatientCount, PatientCounts
from src.evaluation.resample import SEED, draw_weights, evaluable_findings, ranking, resampled

_log = logging.getLogger(__name__)


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

    A figure and its resamples come from one formula, of which the figure is the case in which each case counts once.
    The interval holds the middle 95 % of ``resamples`` bootstrap resamples, in which patients are drawn whole; it
    speaks of these test cases, not of another training. ``PatientCounts`` says which figures rest on too few patients
    to have one, and ``percentile_interval`` when the resamples cannot give one; ``Estimate.reason`` says so.
    """
    figures = {f"{group}/{name}": figure for name, figure in _estimates(cases, resamples).items()}
    if isinstance(cases, Scores):
        return {**figures, f"{group}/findings": len(evaluable_findings(cases.label_NF))}
    return {**figures, **{f"{group}/{name}": count for name, count in _counts(cases).items()}}


def say_left_out(cases: Cases, *, group: str) -> None:
    """Warn of the findings that ``measure`` leaves out, by name."""
    if isinstance(cases, Scores):
        judged = evaluable_findings(cases.label_NF)
        left_out = [name for f, name in enumerate(cases.names) if f not in judged]
        if left_out:
            _log.warning("%s: left out, as the cases do not hold both with and without: %s", group, ", ".join(left_out))
    if isinstance(cases, Matches):
        _say_without_object(cases, group)


def masked_auroc(score_NF: Tensor, label_NF: Tensor) -> Tensor:
    """AUROC of each column over its known labels, (F,); every column must hold both a 1 and a 0."""
    return torch.stack([_auroc(*column) for column in zip(score_NF.unbind(1), label_NF.unbind(1), strict=True)])


def _auroc(score_N: Tensor, label_N: Tensor) -> Tensor:
    known_N = ~label_N.isnan()
    once_N1 = torch.ones(int(known_N.sum()), 1, dtype=torch.float64)
    return ranking(score_N[known_N], label_N[known_N].double(), once_N1)["auroc"][0]


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


def _estimates(cases: Cases, resamples: int) -> dict[str, Estimate]:
    once_1N = torch.ones(1, len(cases.keys), dtype=torch.float64)
    points = {name: float(value_1) for name, value_1 in resampled(cases, once_1N).items()}
    if not resamples:
        return {name: Estimate(value) for name, value in points.items()}
    drawn = resampled(cases, draw_weights(cases.keys.group_N, resamples=resamples, seed=SEED))
    counts = PatientCounts(cases)
    return {
        name: estimate(value, drawn[name], counts.of(name), centred=name.startswith("calibration_error"))
        for name, value in points.items()
    }


def estimate(value: float, drawn_R: Tensor, patients: PatientCount, *, centred: bool = False) -> Estimate:
    """``percentile_interval``, and none where the patients are too few."""
    if patients.is_few and value == value:
        return Estimate(value, reason=patients.text)
    return percentile_interval(value, drawn_R, centred=centred)
