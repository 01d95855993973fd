"""The bootstrap: figures of many resamples of the same cases at once (Efron and Tibshirani 1993, chapters 13 and 16).

A resample is a weight a case, how often it was drawn, so that nothing is copied and every figure is a weighted sum.

Axes: N cases, R resamples, F findings or classes, U different scores of a finding, M measures.
"""

import numpy as np
import torch
from torch import Tensor

from src.core.calibration import expected_calibration_error
from src.evaluation.average_precision import matched_figures
from src.evaluation.cases import Cases, Matches, Scores, Values

DECISIONS = ("f1", "sensitivity", "specificity")
"""Metrics that a threshold decides."""

SEED = 0
"""Of the resamples: the same patients are drawn for the same cases, so that two models can be paired."""

_WEIGHTS_AT_ONCE = 4_000_000


def draw_weights(group_N: Tensor, *, resamples: int, seed: int) -> Tensor:
    """How often each case was drawn in each resample, float32 (R, N). Groups (patients) are drawn whole."""
    _, place_N, count_G = group_N.unique(return_inverse=True, return_counts=True)
    groups = len(count_G)
    drawn_RG = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=resamples)
    return torch.from_numpy(drawn_RG.astype(np.float32))[:, place_N]


def resampled(cases: Cases, weight_RN: Tensor) -> dict[str, Tensor]:
    """Every figure of ``cases`` in every resample, float64 (R,), by its name without the group.

    They range over the same findings as the figures of all cases once (a weight of 1 each): those that can be
    evaluated. NaN where a resample leaves a figure undefined, and a mean with any of its findings.
    """
    size = max(1, _WEIGHTS_AT_ONCE // max(1, _numbers_a_resample(cases)))
    parts = [_figures(cases, chunk_RN.double()) for chunk_RN in weight_RN.split(size)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _numbers_a_resample(cases: Cases) -> int:
    count = len(cases.keys)
    # a curve of precision has a point a hit, and there are no more hits than objects
    return max(count, int(cases.object_NF.sum(dim=0).max())) if isinstance(cases, Matches) else count


def evaluable_findings(label_NF: Tensor) -> list[int]:
    """The columns that hold at least one 1 and at least one 0."""
    return ((label_NF == 1).any(dim=0) & (label_NF == 0).any(dim=0)).nonzero().flatten().tolist()


def _figures(cases: Cases, weight_RN: Tensor) -> dict[str, Tensor]:
    if isinstance(cases, Matches):
        return matched_figures(cases, weight_RN)
    return _means(cases, weight_RN) if isinstance(cases, Values) else _classified(cases, weight_RN)


def _means(cases: Values, weight_RN: Tensor) -> dict[str, Tensor]:
    mean_RM = weighted_mean(cases.value_NM, weight_RN)
    figures = dict(zip(cases.names, mean_RM.unbind(1), strict=True))
    means = {name: torch.stack([figures[one] for one in over]).mean(dim=0) for name, over in cases.means.items()}
    return figures | means


def _classified(cases: Scores, weight_RN: Tensor) -> dict[str, Tensor]:
    evaluable = evaluable_findings(cases.label_NF)
    if not evaluable:
        return {}
    figures: dict[str, Tensor] = {}
    if cases.exclusive:
        # a case's class is the highest of all, also of those that no case has
        right_N1 = (cases.score_NF.argmax(1) == cases.label_NF.argmax(1)).double()[:, None]
        figures["accuracy"] = weighted_mean(right_N1, weight_RN)[:, 0]
    found_NF = found(cases)
    # cases first: a case's weights in all resamples then lie together, and are moved together
    weight_NR = weight_RN.T.contiguous()
    columns = {cases.names[f]: _finding(cases, f, found_NF, weight_NR) for f in evaluable}
    for metric in dict.fromkeys(metric for column in columns.values() for metric in column):
        values = {name: column[metric] for name, column in columns.items() if metric in column}
        figures[f"{metric}_mean"] = torch.stack(list(values.values())).mean(dim=0)
        figures |= {f"{metric}/{name}": value_R for name, value_R in values.items()}
    return figures


def _finding(cases: Scores, f: int, found_NF: Tensor | None, weight_NR: Tensor) -> dict[str, Tensor]:
    """Every metric of one finding in every resample, over the cases of which its label is known.

    A finding for which no threshold could be chosen has no ``DECISIONS``.
    """
    known_N = ~cases.label_NF[:, f].isnan()
    score_N, positive_N = cases.score_NF[known_N, f], cases.label_NF[known_N, f]
    known_NR = weight_NR if known_N.all() else weight_NR[known_N]
    metrics = ranking(score_N, positive_N, known_NR)
    if found_NF is not None and (cases.threshold_F is None or not cases.threshold_F[f].isnan()):
        metrics |= _decisions(found_NF[known_N, f].double(), positive_N, known_NR, exclusive=cases.exclusive)
    if cases.probabilities:
        metrics |= _calibration(score_N, positive_N, known_NR)
    return metrics


def found(cases: Scores) -> Tensor | None:
    """Whether each case is taken to have each finding, bool (N, F): the class of the highest score, or by threshold."""
    if cases.exclusive:
        return torch.nn.functional.one_hot(cases.score_NF.argmax(1), len(cases.names)).bool()
    return None if cases.threshold_F is None else cases.score_NF >= cases.threshold_F


def weighted_mean(value_NM: Tensor, weight_RN: Tensor) -> Tensor:
    """The mean of each measure over the cases that count for it, (R, M)."""
    counts_NM = (~value_NM.isnan()).double()
    return weight_RN @ value_NM.nan_to_num(0) / (weight_RN @ counts_NM)


def ranking(score_N: Tensor, positive_N: Tensor, weight_NR: Tensor) -> dict[str, Tensor]:
    """The areas under the ROC and the precision-recall curve in each resample, cases of one score taken together."""
    _, place_N = score_N.unique(return_inverse=True)
    positive_UR, all_UR = (_at_each_score(w_NR, place_N) for w_NR in (weight_NR * positive_N[:, None], weight_NR))
    negative_UR = all_UR - positive_UR
    positives_R, negatives_R = positive_UR.sum(0), negative_UR.sum(0)
    below_UR = negative_UR.cumsum(0)
    auroc_R = (positive_UR * (below_UR - negative_UR / 2)).sum(0) / (positives_R * negatives_R)
    hits_UR = positives_R - positive_UR.cumsum(0) + positive_UR
    found_UR = hits_UR + (negatives_R - below_UR + negative_UR)
    precision_R = (positive_UR * hits_UR / found_UR.clamp(min=1)).sum(0) / positives_R
    # undefined where the AUROC is, so that both means speak of the same findings
    return {"auroc": auroc_R, "average_precision": precision_R.where(negatives_R > 0, torch.nan)}


def _at_each_score(weight_NR: Tensor, place_N: Tensor) -> Tensor:
    total_UR = weight_NR.new_zeros(int(place_N.max()) + 1 if len(place_N) else 0, weight_NR.shape[1])
    return total_UR.index_add_(0, place_N, weight_NR)


def _decisions(found_N: Tensor, positive_N: Tensor, weight_NR: Tensor, *, exclusive: bool) -> dict[str, Tensor]:
    parts_4N = torch.stack([found_N * positive_N, positive_N, found_N * (1 - positive_N), 1 - positive_N])
    hit_R, positives_R, false_R, negatives_R = parts_4N @ weight_NR
    rates = {"f1": 2 * hit_R / (hit_R + false_R + positives_R)}
    if exclusive:
        return {**rates, "accuracy": hit_R / positives_R}
    return {**rates, "sensitivity": hit_R / positives_R, "specificity": 1 - false_R / negatives_R}


def _calibration(score_N: Tensor, positive_N: Tensor, weight_NR: Tensor) -> dict[str, Tensor]:
    return {
        "brier": (score_N - positive_N).square() @ weight_NR / weight_NR.sum(0),
        "calibration_error": expected_calibration_error(score_N, positive_N, weight_NR),
    }
