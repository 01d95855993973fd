"""The image-blind prior that grounding is held against: where the regions of a category lie in other patients' images.

Axes: Q phrases, H and W pixels, M measures, O phrases of one patient.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from src.data.datamodule import PairDataModule
from src.data.phrase_regions import Region, seen_regions
from src.data.sources import GroundedTable, Split
from src.evaluation.grounding import heat_measures
from src.evaluation.grounding_references import MeanRegions
from src.tasks.ground_phrases import Target, image_shape

PriorOf = Callable[[Target], Tensor | None]
_AT_ONCE = 64


class Prior(NamedTuple):
    """``measure_QM``: the ``HEAT_MEASURES`` of each phrase's prior, float64, NaN where it has none. ``said``: of what
    regions the prior is, in a sentence.
    """

    measure_QM: Tensor
    said: str


def ground_by_prior(
    datamodule: PairDataModule, split: Split, targets: Sequence[Target], *, region: Region, stretch: bool
) -> Prior:
    """Measure the mean region of each phrase's category, as heat, against the region that the phrase names.

    The mean is over the phrases of the validation split. Where ``split`` is the validation split itself, or where that
    has no phrase, it is over the phrases of the other patients of ``split``. Never is it over the phrase's own patient.
    """
    mean = MeanRegions() if split == "val" else _regions_of("val", datamodule, region)
    if mean.phrases:
        said = f"over {mean.phrases.total()} phrases of the val split"
        measure_QM = _measured(targets, lambda target: mean.of(target.category), stretch=stretch)
    else:
        why = "" if split == "val" else ", as the val split has no phrase"
        said = f"over the other patients' phrases of the {split} split{why}"
        measure_QM = _measured(targets, _of_other_patients(datamodule, split, targets), stretch=stretch)
    bare_Q = measure_QM.isnan().all(dim=1).tolist()
    without = sorted({target.category for target, bare in zip(targets, bare_Q, strict=True) if bare})
    if without:
        said += f"; none for {', '.join(without)}, of which there is no such phrase"
    return Prior(measure_QM, said)


def _regions_of(name: Split, datamodule: PairDataModule, region: Region) -> MeanRegions:
    table, mean = datamodule.source.table(name), MeanRegions()
    if not isinstance(table, GroundedTable):
        return mean
    for index in range(len(table)):
        phrases = table.phrases(index)
        if phrases:
            shape = image_shape(phrases, table, index)
            seen_QHW = seen_regions(phrases, shape, datamodule.eval_transform, region=region)
            for phrase, seen_HW in zip(phrases, seen_QHW, strict=True):
                if seen_HW.any():
                    mean.add(phrase.category, torch.from_numpy(seen_HW))
    return mean


def _of_other_patients(datamodule: PairDataModule, split: Split, targets: Sequence[Target]) -> PriorOf:
    group_K = datamodule.case_keys(split).group_N.tolist()
    mean, own = MeanRegions(), defaultdict(list)
    for target in targets:
        region_HW = torch.from_numpy(target.region_HW)
        mean.add(target.category, region_HW)
        own[group_K[target.position], target.category].append(region_HW)

    def prior(target: Target) -> Tensor | None:
        own_OHW = torch.stack(own[group_K[target.position], target.category])
        return mean.without(target.category, own_OHW)

    return prior


def _measured(targets: Sequence[Target], prior: PriorOf, *, stretch: bool) -> Tensor:
    parts = []
    for start in range(0, len(targets), _AT_ONCE):
        chosen = targets[start : start + _AT_ONCE]
        region_QHW = torch.from_numpy(np.stack([target.region_HW for target in chosen]))
        shape = (region_QHW.shape[1], region_QHW.shape[2])
        heats = [prior(target) for target in chosen]
        nothing_HW = torch.full(shape, torch.nan, dtype=torch.float64)
        heat_QHW = torch.stack([nothing_HW if heat is None else heat for heat in heats])
        parts.append(heat_measures(heat_QHW.flatten(1), shape, region_QHW, stretch=stretch))
    return torch.cat(parts)
