"""Average precision of detections, in many resamples of the same images at once.

As COCO computes it (Lin et al., ECCV 2014, and its reference code): all detections of a finding in order of their
scores; at each the recall and the precision so far; the mean, over the 101 recalls 0, 0.01, ..., 1, of the highest
precision at that recall or a higher one, 0 where it is never reached. Ignored detections are left out.

A resample is a weight an image. Only hits are points of the curve, since between two hits recall stands still while
precision falls: so the curve of a resample has a point a hit, however many false detections there are. Of one image's
detections with one score, the first stays before the others in every copy of the image.

Axes: N images, R resamples, F findings, J findings judged, D detections, H hits, T thresholds of overlap, P recalls.
"""

import numpy as np
import torch
from torch import Tensor

from src.evaluation.matches import FALSE, HIT, Matches

_RECALL_P = np.linspace(0, 1, 101)
_OVERLAPS = {"map_50": 0.5, "map_75": 0.75}
_PER_FINDING = ("map", "map_50")


def matched_figures(cases: Matches, weight_RN: Tensor) -> dict[str, Tensor]:
    """The figures ``cases.metrics``, float64 (R,), each the mean over the findings that have an object.

    ``map``: the mean over the thresholds of overlap; ``map_50`` and ``map_75``: at one; ``mar_100``: the mean over the
    thresholds of the share of objects found among at most 100 detections an image and finding. ``map/FINDING`` and
    ``map_50/FINDING`` where there are several findings. NaN for a finding of which a resample has no object, and for
    the means with it.
    """
    if cases.counted_N is not None:
        weight_RN = weight_RN * cases.counted_N
    judged = cases.judged()
    if not judged:
        return {metric: weight_RN.new_full((len(weight_RN),), torch.nan) for metric in cases.metrics}
    curves = [_precision_and_recall(cases, f, weight_RN) for f in judged]
    precision_JTR = torch.stack([precision_TR for precision_TR, _ in curves])
    recall_JTR = torch.stack([recall_TR for _, recall_TR in curves])
    figures: dict[str, Tensor] = {}
    for metric in cases.metrics:
        value_JTR = recall_JTR if metric == "mar_100" else precision_JTR
        if metric in _OVERLAPS:
            place = int(np.isclose(cases.overlap_T, _OVERLAPS[metric]).argmax())
            value_JTR = value_JTR[:, place : place + 1]
        value_JR = value_JTR.mean(dim=1)
        figures[metric] = value_JR.mean(dim=0)
        if metric in _PER_FINDING and len(cases.names) > 1:
            figures |= {f"{metric}/{cases.names[f]}": value_R for f, value_R in zip(judged, value_JR, strict=True)}
    return figures


def precision_recall(cases: Matches, finding: int, overlap: float) -> tuple[np.ndarray, np.ndarray, float]:
    """The curve of a finding (its number) at a threshold of ``cases.overlap_T``, and the area below it.

    Recall (H,) and, at each, the highest precision at that recall or a higher one (H,); the average precision.
    """
    counted_N = torch.ones(len(cases.keys)) if cases.counted_N is None else cases.counted_N
    weight_N1 = counted_N.double()[:, None]
    place = int(np.isclose(cases.overlap_T, overlap).argmax())
    outcome_DT, case_D = _in_order(cases, finding)
    best_H1, recall_H1 = _curve(
        outcome_DT[:, place], case_D, weight_N1, cases.object_NF[:, finding].double() @ weight_N1
    )
    return recall_H1[:, 0].numpy(), best_H1[:, 0].numpy(), float(_area(best_H1, recall_H1))


def _precision_and_recall(cases: Matches, finding: int, weight_RN: Tensor) -> tuple[Tensor, Tensor]:
    """The average precision and the recall of one finding at each threshold, (T, R) each."""
    weight_NR = weight_RN.T.contiguous()
    objects_R = cases.object_NF[:, finding].double() @ weight_NR
    outcome_DT, case_D = _in_order(cases, finding)
    none_R = torch.zeros_like(objects_R).masked_fill(objects_R <= 0, torch.nan)
    precision, recall = [], []
    for outcome_D in outcome_DT.unbind(1):
        best_HR, recall_HR = _curve(outcome_D, case_D, weight_NR, objects_R)
        precision.append(_area(best_HR, recall_HR) + none_R)
        recall.append(recall_HR[-1] if len(recall_HR) else none_R)
    return torch.stack(precision), torch.stack(recall)


def _in_order(cases: Matches, finding: int) -> tuple[Tensor, Tensor]:
    """The outcomes and the images of a finding's detections, (D, T) and (D,), from the highest score down.

    Equal scores stand in the order of the images' rows, as in COCO's code where the row is the image's number.
    """
    of_finding_D = cases.finding_D == finding
    case_D, score_D = cases.case_D[of_finding_D], cases.score_D[of_finding_D]
    order_D = torch.from_numpy(np.lexsort((cases.keys.row_N[case_D].numpy(), -score_D.numpy())))
    return cases.outcome_DT[of_finding_D][order_D], case_D[order_D]


def _curve(outcome_D: Tensor, case_D: Tensor, weight_NR: Tensor, objects_R: Tensor) -> tuple[Tensor, Tensor]:
    """At each hit, in order: the highest precision there or later, and the recall, (H, R) each."""
    hit_D = outcome_D == HIT
    hits_HR = weight_NR[case_D[hit_D]].cumsum(0)
    count, images = len(hits_HR), len(weight_NR)
    # how many hits stand before a false detection; those behind the last one lower no point
    before_D = hit_D.cumsum(0)
    false_D = (outcome_D == FALSE) & (before_D < count)
    place_2D = torch.stack([before_D[false_D], case_D[false_D]])
    ones_D = torch.ones(place_2D.shape[1], dtype=weight_NR.dtype)
    false_HN = torch.sparse_coo_tensor(place_2D, ones_D, (count, images), check_invariants=False)
    false_HR = torch.sparse.mm(false_HN, weight_NR).cumsum(0)
    precision_HR = hits_HR / (hits_HR + false_HR).clamp(min=1)
    best_HR = precision_HR.flip(0).cummax(0).values.flip(0) if count else precision_HR
    return best_HR, hits_HR / objects_R


def _area(best_HR: Tensor, recall_HR: Tensor) -> Tensor:
    """The mean over the recalls of the precision at the first point that reaches each, (R,)."""
    count, resamples = recall_HR.shape
    wanted_RP = torch.from_numpy(_RECALL_P).expand(resamples, -1).contiguous()
    place_RP = torch.searchsorted(recall_HR.T.contiguous(), wanted_RP)
    # beyond the last point there is nothing
    padded_HR = torch.cat([best_HR, best_HR.new_zeros(1, resamples)])
    return padded_HR.gather(0, place_RP.T.clamp(max=count)).mean(dim=0)
