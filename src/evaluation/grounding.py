"""How well heat finds the region that a phrase names.

For the heat h of a phrase over its image and the region A that it names:

- pointing game (Zhang et al., IJCV 2018): 1 where the pixel of the largest h lies in A, else 0. Where several pixels
  share the maximum, the share of them that lie in A, which is what choosing among them by lot gives on average.
- mIoU: the mean over the thresholds t = 0.1, 0.2, 0.3, 0.4, 0.5 of the overlap of {h > t} with A, intersection over
  union in pixels (BioViL: Boecking et al., ECCV 2022, on the cosines themselves). Cosines are taken as they are. An
  attention sums to 1 over the patches and would hardly reach the first threshold, so it is stretched to 0 to 1 over its
  image first; its mIoU is no figure to hold against BioViL's.
- CNR, the contrast-to-noise ratio: (mean of h in A - mean outside) / sqrt(variance in A + variance outside), variances
  over pixels. BioViL reports its absolute value, which heat in all the wrong places raises as well; ``cnr`` keeps
  the sign, so that 0 is chance and below 0 is worse, and ``cnr_absolute`` is the published one.

Chance in the pointing game is the region's share of the image.

Axes: Q phrases, H and W pixels, M measures, R resamples.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from src.core.case_keys import CaseKeys
from src.evaluation.cases import Values
from src.evaluation.estimate import Estimate
from src.evaluation.measure import measure

MEASURES = ("pointing_game", "miou", "cnr", "cnr_absolute", "chance_pointing_game")
_GROUP = "grounding"
_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
# float32 does not tell values apart that are closer than this share of the largest
_SAME = 1e-6


def grounding_measures(heat_QHW: Tensor, region_QHW: Tensor, *, stretch: bool) -> Tensor:
    """The ``MEASURES`` of each phrase, float64 (Q, M); NaN where a measure is undefined.

    ``region_QHW``: bool, no region empty. ``stretch``: take the heat of each image to 0 to 1 before the thresholds.
    """
    heat_QN, region_QN = heat_QHW.flatten(1), region_QHW.flatten(1)
    signed_Q = contrast_to_noise(heat_QN, region_QN)
    columns = [
        pointing_game(heat_QN, region_QN),
        mean_overlap(_stretched(heat_QN) if stretch else heat_QN, region_QN),
        signed_Q,
        signed_Q.abs(),
        region_QN.double().mean(dim=1),
    ]
    return torch.stack(columns, dim=1)


def pointing_game(heat_QN: Tensor, region_QN: Tensor) -> Tensor:
    """The share of the pixels of maximal heat that lie in the region, float64 (Q,); N pixels."""
    peak_Q1 = heat_QN.amax(dim=1, keepdim=True)
    at_peak_QN = heat_QN >= peak_Q1 - _SAME * peak_Q1.abs()
    return (at_peak_QN & region_QN).sum(dim=1).double() / at_peak_QN.sum(dim=1)


def mean_overlap(heat_QN: Tensor, region_QN: Tensor) -> Tensor:
    """The mean over the thresholds of intersection over union, float64 (Q,); N pixels."""
    hot_QN = [heat_QN > threshold for threshold in _THRESHOLDS]
    overlaps = [(hot & region_QN).sum(dim=1).double() / (hot | region_QN).sum(dim=1) for hot in hot_QN]
    return torch.stack(overlaps).mean(dim=0)


def contrast_to_noise(heat_QN: Tensor, region_QN: Tensor) -> Tensor:
    """The signed ratio, float64 (Q,); 0 for the same heat everywhere, NaN for a region that is the whole image."""
    heat_QN = heat_QN.double()
    mean, variance = [], []
    for part_QN in (region_QN, ~region_QN):
        weight_QN = part_QN.double() / part_QN.sum(dim=1, keepdim=True)
        mean_Q1 = (weight_QN * heat_QN).sum(dim=1, keepdim=True)
        mean.append(mean_Q1.squeeze(1))
        variance.append((weight_QN * (heat_QN - mean_Q1).square()).sum(dim=1))
    contrast_Q, noise_Q = mean[0] - mean[1], (variance[0] + variance[1]).sqrt()
    flat_Q = contrast_Q.abs() <= _SAME * heat_QN.abs().amax(dim=1)
    return torch.where(flat_Q & ~contrast_Q.isnan(), 0, contrast_Q / noise_Q)


def grounding_cases(measure_QM: Tensor, categories: Sequence[str], keys: CaseKeys) -> Values:
    """The phrases as cases: each of ``MEASURES`` over all of them, and, by ``name/category``, over each category's.

    ``name_mean`` is the mean over the categories.
    """
    names, columns = list(MEASURES), list(measure_QM.unbind(1))
    every = sorted(set(categories))
    for category in every:
        own_Q = torch.tensor([one == category for one in categories])
        names += [f"{name}/{category}" for name in MEASURES]
        columns += [torch.where(own_Q, column_Q, torch.nan) for column_Q in measure_QM.unbind(1)]
    means = {f"{name}_mean": [f"{name}/{category}" for category in every] for name in MEASURES}
    return Values(keys=keys, names=tuple(names), value_NM=torch.stack(columns, dim=1), means=means)


def grounding_figures(cases: Values, *, resamples: int) -> dict[str, Estimate | float | int]:
    """``grounding/NAME`` over phrases, ``grounding/NAME_mean`` over categories, ``grounding/NAME/CATEGORY``.

    All with 95 % intervals of ``resamples`` resamples of patients. ``grounding/phrases`` counts the phrases.
    """
    figures = measure(cases, group=_GROUP, resamples=resamples)
    ordered: dict[str, Estimate | float | int] = {}
    for name in MEASURES:
        ordered[f"{_GROUP}/{name}"] = figures[f"{_GROUP}/{name}"]
        ordered[f"{_GROUP}/{name}_mean"] = figures[f"{_GROUP}/{name}_mean"]
        ordered |= {key: value for key, value in figures.items() if key.startswith(f"{_GROUP}/{name}/")}
    return {**ordered, f"{_GROUP}/chance_cnr": 0.0, f"{_GROUP}/phrases": len(cases.keys)}


def _stretched(heat_QN: Tensor) -> Tensor:
    """Each row from 0 at its least to 1 at its most; 0 everywhere where it is the same everywhere."""
    low_Q1, high_Q1 = heat_QN.aminmax(dim=1, keepdim=True)
    return (heat_QN - low_Q1) / (high_Q1 - low_Q1).clamp(min=torch.finfo(heat_QN.dtype).tiny)
