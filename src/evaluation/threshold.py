"""From which probability on a finding counts as found.

Axes: N cases, F findings, U cut-offs.
"""

import torch
from torch import Tensor

from src.evaluation.cases import Scores
from src.evaluation.resample import evaluable_findings


def best_threshold(score_NF: Tensor, label_NF: Tensor) -> Tensor:
    """The score of each finding at which F1 is highest on these cases, float64 (F,); chosen on validation cases.

    ``label_NF``: 1, 0, NaN unknown. NaN for a finding of which no case, or every case, is positive: these cases cannot
    choose.
    """
    judged = evaluable_findings(label_NF)
    return torch.stack(
        [
            _best(score_N, label_N) if f in judged else torch.tensor(torch.nan, dtype=torch.float64)
            for f, (score_N, label_N) in enumerate(zip(score_NF.T, label_NF.T, strict=True))
        ]
    )


def without_threshold(cases: Scores) -> list[str]:
    """The findings for which no threshold could be chosen; none where nobody wanted one."""
    if cases.threshold_F is None:
        return []
    return [name for name, bare in zip(cases.names, cases.threshold_F.isnan().tolist(), strict=True) if bare]


def _best(score_N: Tensor, label_N: Tensor) -> Tensor:
    known_N = ~label_N.isnan()
    score_N, order_N = score_N[known_N].double().sort(descending=True)
    hits_N = label_N[known_N][order_N].double().cumsum(0)
    found_N = torch.arange(1, len(hits_N) + 1, dtype=torch.float64)
    # cases of one score are found together: only the last of them is a cut-off
    last_N = torch.cat([score_N[1:] != score_N[:-1], torch.ones(1, dtype=torch.bool)])
    f1_N = (2 * hits_N / (found_N + hits_N[-1])).masked_fill(~last_N, -1)
    return score_N[f1_N.argmax()]
