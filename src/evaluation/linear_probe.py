"""What frozen image features hold: logistic regression on them, one output a finding.

Axes: N studies, E feature width, F findings.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from src.core.case_keys import CaseKeys
from src.evaluation.cases import Scores
from src.evaluation.embed import StudyEmbeddings
from src.evaluation.measure import masked_auroc
from src.evaluation.resample import evaluable_findings

L2_GRID = (1.0, 0.1, 0.01, 0.001)
_STEPS = 500


@dataclass(frozen=True)
class LinearProbe:
    """Standardisation and weights; float64."""

    mean_E: Tensor
    scale_E: Tensor
    weight_EF: Tensor
    bias_F: Tensor

    def score(self, feature_NE: Tensor) -> Tensor:
        """Logits of each finding, (N, F)."""
        return (feature_NE.double() - self.mean_E) * self.scale_E @ self.weight_EF + self.bias_F


@dataclass(frozen=True)
class ProbeFeatures:
    """Features standardised by their own mean and deviation, and turned to their principal axes; float64.

    ``axis_EE``: the axes as columns. ``axis_NE``: the standardised features along them. ``variance_E``: along each.
    The turn changes neither the model nor its penalty, and lets each penalty's fit be scaled axis by axis.
    """

    mean_E: Tensor
    scale_E: Tensor
    axis_EE: Tensor
    axis_NE: Tensor
    variance_E: Tensor

    @classmethod
    def of(cls, feature_NE: Tensor) -> "ProbeFeatures":
        """Prepare the training studies' features; one that never changes gets no say."""
        feature_NE = feature_NE.double()
        mean_E = feature_NE.mean(dim=0)
        deviation_E = feature_NE.std(dim=0, correction=0)
        scale_E = torch.where(deviation_E > 1e-6 * (1 + mean_E.abs()), 1 / deviation_E, 0.0)
        standard_NE = (feature_NE - mean_E) * scale_E
        variance_E, axis_EE = torch.linalg.eigh(standard_NE.T @ standard_NE / len(standard_NE))
        return cls(mean_E, scale_E, axis_EE, standard_NE @ axis_EE, variance_E.clamp(min=0))


def linear_probe_cases(
    train: StudyEmbeddings,
    val: StudyEmbeddings,
    test: StudyEmbeddings,
    keys: CaseKeys,
    *,
    finding_names: Sequence[str],
    l2_grid: Sequence[float] = L2_GRID,
) -> Scores | None:
    """The probabilities on ``test`` of a probe fitted on ``train``; ``keys`` says who is in ``test``.

    The penalty is that of the best mean AUROC on ``val``, or the first of the grid where ``val`` can judge no finding.
    Findings that the training studies do not hold both with and without are left out; None where none is left.
    """
    columns = evaluable_findings(train.label_NF)
    if not columns:
        return None
    features = ProbeFeatures.of(train.feature_NE)
    probes = [fit_linear_probe(features, train.label_NF[:, columns], l2=l2) for l2 in l2_grid]
    qualities = [_mean_auroc(probe.score(val.feature_NE), val.label_NF[:, columns]) for probe in probes]
    best = probes[qualities.index(max(qualities))]
    return Scores(
        keys=keys,
        names=tuple(finding_names[f] for f in columns),
        score_NF=best.score(test.feature_NE).sigmoid(),
        label_NF=test.label_NF[:, columns].double(),
        exclusive=False,
        probabilities=True,
        threshold_F=None,
    )


def linear_probe_notes(train: StudyEmbeddings, val: StudyEmbeddings, finding_names: Sequence[str]) -> list[str]:
    """What a reader of the probe's figures must know: findings left out, and a penalty that nothing chose."""
    columns = evaluable_findings(train.label_NF)
    left_out = [name.replace("_", " ") for f, name in enumerate(finding_names) if f not in columns]
    notes = []
    if left_out:
        notes.append(
            f"Linear probe: {', '.join(left_out)} left out, as among the training studies there is none with it, or "
            "none without it."
        )
    if columns and not evaluable_findings(val.label_NF[:, columns]):
        notes.append(
            f"Linear probe: the penalty is {L2_GRID[0]:g}, unchosen, as the validation studies can judge no finding."
        )
    return notes


def fit_linear_probe(features: ProbeFeatures, label_NF: Tensor, *, l2: float) -> LinearProbe:
    """Logistic regression of every finding at once, by full-batch L-BFGS in float64.

    Minimises ``cross_entropy`` plus ``l2`` / 2 times the squared weights on standardised features; the bias carries no
    penalty, and the findings share nothing. ``l2`` is above 0, and every finding has a label 1 and a label 0.

    The search runs in coordinates in which the loss bends about equally everywhere: along a principal axis of
    variance v its second derivative is near v / 4 + l2, so each axis is divided by the root of that. Without it,
    correlated features take thousands of steps.
    """
    label_NF = label_NF.double()
    step_E = (features.variance_E / 4 + l2).rsqrt()
    scaled_NE = features.axis_NE * step_E
    search_EF = torch.zeros(len(step_E), label_NF.shape[1], dtype=torch.float64, device=step_E.device)
    bias_F = label_NF.nanmean(dim=0).logit()
    for variable in (search_EF, bias_F):
        variable.requires_grad_()
    optimizer = torch.optim.LBFGS(
        [search_EF, bias_F],
        max_iter=_STEPS,
        tolerance_grad=1e-6,
        tolerance_change=1e-13,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = cross_entropy(scaled_NE @ search_EF + bias_F, label_NF)
        loss = loss + 0.5 * l2 * (step_E[:, None] * search_EF).square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    weight_EF = features.axis_EE @ (step_E[:, None] * search_EF.detach())
    return LinearProbe(features.mean_E, features.scale_E, weight_EF, bias_F.detach())


def cross_entropy(logit_NF: Tensor, label_NF: Tensor) -> Tensor:
    """Sum over findings of the mean cross-entropy on their known labels."""
    known_NF = ~label_NF.isnan()
    entropy_NF = torch.nn.functional.binary_cross_entropy_with_logits(
        logit_NF, label_NF.nan_to_num(0), weight=known_NF / known_NF.sum(dim=0), reduction="none"
    )
    return entropy_NF.sum()


def _mean_auroc(score_NF: Tensor, label_NF: Tensor) -> float:
    columns = evaluable_findings(label_NF)
    return float(masked_auroc(score_NF[:, columns], label_NF[:, columns]).mean()) if columns else float("-inf")
