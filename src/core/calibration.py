"""The expected calibration error of probabilities, over bins of equal width (Naeini et al., AAAI 2015).

Axes: N cases, R resamples, K bins.
"""

import torch
from torch import Tensor

BINS = 10
"""Bins of equal width."""


def calibration_bin(probability_N: Tensor) -> Tensor:
    """The bin of each probability, int64 (N,): bin k holds k / BINS up to, but without, (k + 1) / BINS.

    The last bin holds 1 as well. (torchmetrics counts probabilities of exactly 1 in an eleventh bin of their own, and
    its edges are float32.)
    """
    inner_K = torch.arange(1, BINS, dtype=torch.float64, device=probability_N.device) / BINS
    return torch.bucketize(probability_N.double().contiguous(), inner_K, right=True)


def expected_calibration_error(probability_N: Tensor, positive_N: Tensor, weight_NR: Tensor) -> Tensor:
    """The mean over cases of the gap of their bin between probability and observed share, float64 (R,).

    ``positive_N``: 1 where the finding is present, else 0. ``weight_NR``: how often each case counts in each resample;
    ones of shape (N, 1) for the cases themselves.
    """
    gap_N = probability_N.double() - positive_N.double()
    gap_KN = torch.nn.functional.one_hot(calibration_bin(probability_N), BINS).T * gap_N
    weight_NR = weight_NR.double()
    return (gap_KN @ weight_NR).abs().sum(0) / weight_NR.sum(0)
