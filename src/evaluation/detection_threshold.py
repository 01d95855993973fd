"""From which score on a detection is shown: where F1 is highest on other images, finding by finding.

Axes: D detections of a finding.
"""

import numpy as np
import torch

from src.evaluation.matches import HIT, IGNORED, Matches


def best_scores(cases: Matches, overlap: float) -> dict[str, float | None]:
    """Return for each finding the score from which on F1 is highest; None where no detection hits an object of it.

    Args:
        cases: the detections of the images that choose, which are not those that are shown.
        overlap: from which intersection over union on a detection hits; one of ``cases.overlap_T``.
    """
    place = int(np.isclose(cases.overlap_T, overlap).argmax())
    best: dict[str, float | None] = {}
    for finding, name in enumerate(cases.names):
        of_D = cases.finding_D == finding
        best[name] = _best(cases.score_D[of_D], cases.outcome_DT[of_D, place], int(cases.object_NF[:, finding].sum()))
    return best


def _best(score_D: torch.Tensor, outcome_D: torch.Tensor, objects: int) -> float | None:
    counts_D = outcome_D != IGNORED
    score_D, order_D = score_D[counts_D].sort(descending=True, stable=True)
    hits_D = (outcome_D[counts_D][order_D] == HIT).double().cumsum(0)
    if not len(hits_D) or not hits_D[-1]:
        return None
    found_D = torch.arange(1, len(hits_D) + 1, dtype=torch.float64)
    # detections of one score are shown together: only the last of them is a cut-off
    last_D = torch.cat([score_D[1:] != score_D[:-1], torch.ones(1, dtype=torch.bool)])
    f1_D = (2 * hits_D / (found_D + objects)).masked_fill(~last_D, -1)
    return float(score_D[f1_D.argmax()])
