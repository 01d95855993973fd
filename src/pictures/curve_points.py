"""The points of ROC, precision-recall and reliability curves, free of any drawing.

Axes: N cases, F findings, T thresholds, M bins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from src.core.errors import UserError
from src.core.torchvision_ops import ensure_torchvision

BINS = 10
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Finding:
    """The known cases of one finding that has both positives and negatives: float ``score_N``, bool ``positive_N``."""

    name: str
    score_N: np.ndarray
    positive_N: np.ndarray


@dataclass(frozen=True)
class CurvePoints:
    """A curve from its left end to its right one, the area below it, and the height at which chance lies."""

    x_T: np.ndarray
    y_T: np.ndarray
    area: float
    chance: float


@dataclass(frozen=True)
class ReliabilityPoints:
    """Bins of about equally many cases: mean probability, observed share, its 95 % Wilson interval, and cases.

    ``error``: the expected calibration error over ten bins of equal *width*, the last of which holds 1.
    """

    predicted_M: np.ndarray
    observed_M: np.ndarray
    low_M: np.ndarray
    high_M: np.ndarray
    count_M: np.ndarray
    error: float


def judged_findings(
    score_NF: np.ndarray, label_NF: np.ndarray, names: Sequence[str]
) -> tuple[list[Finding], list[str]]:
    """Each finding's known cases (``label_NF``: 1 present, 0 absent, NaN unknown), and the names of those left out.

    A finding is left out where its known cases are not of both kinds.
    """
    judged, left_out = [], []
    for name, score_N, label_N in zip(names, np.asarray(score_NF).T, np.asarray(label_NF).T, strict=True):
        known_N = ~np.isnan(label_N)
        positive_N = label_N[known_N] == 1
        if positive_N.any() and not positive_N.all():
            judged.append(Finding(name, score_N[known_N].astype(np.float64), positive_N))
        else:
            left_out.append(name)
    return judged, left_out


def roc_points(finding: Finding) -> CurvePoints:
    """False positive rate (x) and sensitivity (y), one point a distinct score, and the area between."""
    ensure_torchvision()
    import torch
    from torchmetrics.functional.classification import binary_auroc, binary_roc

    rank_N, target_N = torch.from_numpy(_ranks(finding.score_N)), torch.from_numpy(finding.positive_N).long()
    false_T, true_T, _ = binary_roc(rank_N, target_N)
    return CurvePoints(false_T.numpy(), true_T.numpy(), float(binary_auroc(rank_N, target_N)), 0.5)


def precision_recall_points(finding: Finding) -> CurvePoints:
    """Recall (x, rising) and precision (y), the average precision as area, and the share of positives as chance.

    Precision holds from the point before to its own: drawn in such steps, the area below is the average precision.
    Thresholds that find no positive take no part; the curve begins at recall 0 with the first precision after them.
    """
    ensure_torchvision()
    import torch
    from torchmetrics.functional.classification import binary_average_precision, binary_precision_recall_curve

    rank_N, target_N = torch.from_numpy(_ranks(finding.score_N)), torch.from_numpy(finding.positive_N).long()
    precision_T, recall_T, _ = binary_precision_recall_curve(rank_N, target_N)
    found_T = recall_T > 0
    recall, precision = recall_T[found_T].flip(0).numpy(), precision_T[found_T].flip(0).numpy()
    return CurvePoints(
        np.concatenate([[0.0], recall]),
        np.concatenate([precision[:1], precision]),
        float(binary_average_precision(rank_N, target_N)),
        float(finding.positive_N.mean()),
    )


def reliability_points(finding: Finding) -> ReliabilityPoints:
    """At most ten bins between the deciles of the predicted probability; equal probabilities share a bin.

    Raises UserError for scores that are no probabilities.
    """
    import torch

    from src.core.calibration import expected_calibration_error

    probability_N, positive_N = finding.score_N, finding.positive_N
    if not (probability_N.min() >= 0 and probability_N.max() <= 1):
        raise UserError(
            f"The scores of {finding.name} are no probabilities: they go from {probability_N.min():g} to "
            f"{probability_N.max():g}; draw their reliability only after a sigmoid or softmax."
        )
    edges = np.unique(np.quantile(probability_N, np.arange(1, BINS) / BINS))
    bin_N = np.unique(np.searchsorted(edges, probability_N, side="left"), return_inverse=True)[1]
    count_M = np.bincount(bin_N)
    observed_M = np.bincount(bin_N, weights=positive_N) / count_M
    low_M, high_M = wilson_interval(observed_M, count_M)
    error = expected_calibration_error(
        torch.from_numpy(probability_N), torch.from_numpy(positive_N), torch.ones(len(probability_N), 1)
    )
    predicted_M = np.bincount(bin_N, weights=probability_N) / count_M
    return ReliabilityPoints(predicted_M, observed_M, low_M, high_M, count_M, float(error))


def wilson_interval(share_M: np.ndarray, count_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % score interval of a share seen in ``count_M`` cases (Wilson, JASA 1927)."""
    spread_M = _Z**2 / count_M
    centre_M = (share_M + spread_M / 2) / (1 + spread_M)
    half_M = np.sqrt(share_M * (1 - share_M) * spread_M + spread_M**2 / 4) / (1 + spread_M)
    return np.clip(centre_M - half_M, 0, share_M), np.clip(centre_M + half_M, share_M, 1)


def _ranks(score_N: np.ndarray) -> np.ndarray:
    """Scores to their order between 0 and 1, ties kept: torchmetrics would squash others by a sigmoid, which merges."""
    return np.unique(score_N, return_inverse=True)[1].astype(np.float64) / len(score_N)
