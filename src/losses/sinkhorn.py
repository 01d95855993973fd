"""Balanced soft assignment of samples to prototypes.

Axes: B samples, K prototypes.
"""

from torch import Tensor


def sinkhorn(score_BK: Tensor, *, epsilon: float, iterations: int) -> Tensor:
    """Codes from scores: each row sums to 1, and the columns come to share the batch alike.

    Starts from exp(score / ``epsilon``) and, ``iterations`` times, divides each column by its sum and then each row by
    its own (SwAV, Caron et al. 2020, listing 1; the constant factors B and K there cancel). Works on logarithms, so
    no score is too large or too small. A row belongs to one sample; the columns are summed in one place only.
    """
    log_BK = score_BK / epsilon
    for _ in range(iterations):
        log_BK = log_BK - _log_sum_over_samples(log_BK)
        log_BK = log_BK.log_softmax(dim=1)
    return log_BK.exp()


def _log_sum_over_samples(log_BK: Tensor) -> Tensor:
    return log_BK.logsumexp(dim=0, keepdim=True)
