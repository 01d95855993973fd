"""From which probability on a finding counts as found.

Axes: N cases, F findings, U cut-offs.
"""

import torch
from torch import Tensor


def best_threshold(score_NF: Tensor, label_NF: Tensor) -> Tensor:
    """The score of each finding at which F1 is highest on these cases, float64 (F,); chosen on validation cases.

    ``label_NF``: 1, 0, NaN unknown. 0.5 for a finding of which no case is positive.
    """
    return torch.stack([_best(score_N, label_N) for score_N, label_N in zip(score_NF.T, label_NF.T, strict=True)])


def _best(score_N: Tensor, label_N: Tensor) -> Tensor:
    known_N = ~label_N.isnan()
    score_N, order_N = score_N[known_N].double().sort(descending=True)
    hits_N = label_N[known_N][order_N].double().cumsum(0)
    if not len(hits_N) or hits_N[-1] == 0:
        return torch.tensor(0.5, dtype=torch.float64)
    found_N = torch.arange(1, len(hits_N) + 1, dtype=torch.float64)
    # cases of one score are found together: only the last of them is a cut-off
    last_N = torch.cat([score_N[1:] != score_N[:-1], torch.ones(1, dtype=torch.bool)])
    f1_N = (2 * hits_N / (found_N + hits_N[-1])).masked_fill(~last_N, -1)
    return score_N[f1_N.argmax()]
