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

The heat is one number a cell of the encoder's grid, taken to the image's pixels by ``upsampled``. Beside each figure
stand references (``src/evaluation/grounding_references.py``): ``chance_pointing_game`` of a cell drawn by lot,
``ceiling_pointing_game`` of the best map on this grid, and ``prior_...``, each measure of an image-blind prior.

Axes: Q phrases, P cells of the grid (row by row), H and W pixels, N pixels of an image, M measures, R resamples.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from src.core.case_keys import CaseKeys
from src.evaluation.attention_map import upsampled
from src.evaluation.cases import Values
from src.evaluation.estimate import Estimate
from src.evaluation.grounding_references import at_peak, cell_scores, map_ceiling, map_chance
from src.evaluation.measure import measure

HEAT_MEASURES = ("pointing_game", "miou", "cnr", "cnr_absolute")
"""What is measured of any heat."""
MAP_MEASURES = (*HEAT_MEASURES, "chance_pointing_game", "ceiling_pointing_game")
"""What is measured of heat on a grid."""
PRIOR_MEASURES = tuple(f"prior_{name}" for name in HEAT_MEASURES)
"""The ``HEAT_MEASURES`` of a prior that never saw the image."""
MEASURES = (*MAP_MEASURES, *PRIOR_MEASURES)
_GROUP = "grounding"
_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
# float32 does not tell values apart that are closer than this share of the largest
_SAME = 1e-6


def map_measures(heat_QP: Tensor, grid: tuple[int, int], region_QHW: Tensor, *, stretch: bool) -> Tensor:
    """The ``MAP_MEASURES`` of each phrase, float64 (Q, M); NaN where a measure is undefined.

    ``region_QHW``: bool, no region empty. ``stretch``: take the heat of each image to 0 to 1 before the thresholds.
    """
    references = [map_chance(cell_scores(region_QHW, grid)), map_ceiling(region_QHW, grid)]
    own_QM = heat_measures(heat_QP, grid, region_QHW, stretch=stretch)
    return torch.cat([own_QM, torch.stack(references, dim=1)], dim=1)


def heat_measures(heat_QP: Tensor, grid: tuple[int, int], region_QHW: Tensor, *, stretch: bool) -> Tensor:
    """The ``HEAT_MEASURES`` of each phrase, float64 (Q, M), NaN for heat that is NaN.

    A grid of the image's own shape is heat for each pixel.
    """
    shape = (region_QHW.shape[1], region_QHW.shape[2])
    heat_QN, region_QN = upsampled(heat_QP, grid, shape).flatten(1), region_QHW.flatten(1)
    signed_Q = contrast_to_noise(heat_QN, region_QN)
    columns = [
        pointing_game(heat_QP, grid, region_QHW),
        mean_overlap(_stretched(heat_QN) if stretch else heat_QN, region_QN),
        signed_Q,
        signed_Q.abs(),
    ]
    return torch.stack(columns, dim=1).masked_fill(heat_QP.isnan().any(dim=1, keepdim=True), torch.nan)


def pointing_game(heat_QP: Tensor, grid: tuple[int, int], region_QHW: Tensor) -> Tensor:
    """The share of the pixels of maximal heat that lie in the region, float64 (Q,).

    Where several cells share the maximum one of them is drawn by lot: the mean over these cells of what each would
    score alone.
    """
    heat_QN = upsampled(heat_QP, grid, (region_QHW.shape[1], region_QHW.shape[2])).flatten(1)
    hit_QN = at_peak(heat_QN)
    share_Q = (hit_QN & region_QHW.flatten(1)).sum(dim=1).double() / hit_QN.sum(dim=1)
    tied_QP = at_peak(heat_QP)
    count_Q = tied_QP.sum(dim=1)
    by_lot_Q = (cell_scores(region_QHW, grid).flatten(1) * tied_QP).sum(dim=1) / count_Q
    return torch.where(count_Q > 1, by_lot_Q, share_Q)


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

    ``name_mean`` is the mean over the categories that have a value.
    """
    names, columns = list(MEASURES), list(measure_QM.unbind(1))
    every = sorted(set(categories))
    for category in every:
        own_Q = torch.tensor([one == category for one in categories])
        names += [f"{name}/{category}" for name in MEASURES]
        columns += [torch.where(own_Q, column_Q, torch.nan) for column_Q in measure_QM.unbind(1)]
    defined = {name for name, column_Q in zip(names, columns, strict=True) if not column_Q.isnan().all()}
    per_category = {name: [f"{name}/{category}" for category in every] for name in MEASURES}
    # over the categories that have a value; over all, which is none, where none has
    means = {f"{name}_mean": [one for one in own if one in defined] or own for name, own in per_category.items()}
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
