"""What a classification head is trained for, and how its logits are read.

Axes: B images, F findings or classes. ``exclusive``: the findings are classes of which every image has exactly one.
"""

import torch
from torch import Tensor


def classification_loss(logit_BF: Tensor, label_BF: Tensor, *, exclusive: bool) -> Tensor:
    """Cross-entropy, a scalar: of the classes, or binary over every finding that is known, as published.

    ``label_BF``: 1 present, 0 absent, NaN unknown.
    """
    if exclusive:
        return -(label_BF * logit_BF.log_softmax(dim=-1)).sum(dim=-1).mean()
    known_BF = ~label_BF.isnan()
    entropy_BF = torch.nn.functional.binary_cross_entropy_with_logits(
        logit_BF, label_BF.nan_to_num(0), reduction="none"
    )
    return (entropy_BF * known_BF).sum() / known_BF.sum().clamp(min=1)


def probabilities(logit_BF: Tensor, *, exclusive: bool) -> Tensor:
    """Of each finding by itself, or over the classes; float64."""
    return logit_BF.double().softmax(dim=-1) if exclusive else logit_BF.double().sigmoid()
