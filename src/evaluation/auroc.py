"""The area under the ROC curve of each finding, where some labels are unknown.

Axes: N studies, F findings.
"""

import logging
from collections.abc import Sequence

import torch
from torch import Tensor

from src.core.torchvision_ops import ensure_torchvision

_log = logging.getLogger(__name__)
_UNKNOWN = -1


def finding_auroc(score_NF: Tensor, label_NF: Tensor, finding_names: Sequence[str], *, prefix: str) -> dict[str, float]:
    """``prefix/auroc/<finding>`` for each finding, ``prefix/auroc_mean`` and ``prefix/findings``, how many entered it.

    ``label_NF``: 1 present, 0 absent, NaN unknown; unknown ones are left out study by study. A finding that no study
    has, or that every study has, is left out and named in a warning; where none is left there is no mean.
    """
    judged = judged_findings(label_NF)
    left_out = [name for i, name in enumerate(finding_names) if i not in judged]
    if left_out:
        _log.warning("%s: left out, as the studies do not hold both with and without: %s", prefix, ", ".join(left_out))
    figures: dict[str, float] = {}
    if judged:
        auroc_F = masked_auroc(score_NF[:, judged], label_NF[:, judged])
        figures[f"{prefix}/auroc_mean"] = float(auroc_F.mean())
        for i, value in zip(judged, auroc_F.tolist(), strict=True):
            figures[f"{prefix}/auroc/{finding_names[i]}"] = value
    figures[f"{prefix}/findings"] = len(judged)
    return figures


def judged_findings(label_NF: Tensor) -> list[int]:
    """The columns that hold at least one 1 and at least one 0."""
    return ((label_NF == 1).any(dim=0) & (label_NF == 0).any(dim=0)).nonzero().flatten().tolist()


def masked_auroc(score_NF: Tensor, label_NF: Tensor) -> Tensor:
    """AUROC of each column over its known labels, (F,); every column must hold both a 1 and a 0."""
    ensure_torchvision()
    from torchmetrics.functional.classification import multilabel_auroc

    target_NF = label_NF.nan_to_num(_UNKNOWN).long()
    columns = label_NF.shape[1]
    if columns == 1:
        # torchmetrics wants two labels or more
        return masked_auroc(score_NF.expand(-1, 2), label_NF.expand(-1, 2))[:1]
    return multilabel_auroc(
        _ranks(score_NF), target_NF, num_labels=columns, average="none", ignore_index=_UNKNOWN, validate_args=False
    )


def _ranks(score_NF: Tensor) -> Tensor:
    """Scores to their order between 0 and 1, ties kept: torchmetrics would squash others by a sigmoid, which merges."""
    order = [score_N.unique(return_inverse=True)[1] for score_N in score_NF.unbind(dim=1)]
    return torch.stack(order, dim=1).double() / len(score_NF)
