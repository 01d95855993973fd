"""How well findings are outlined, one image at a time, so that no two masks are held at once.

``segment``, the corrected protocol: at the pixels of the owner's original image, over all images. For a finding
with predicted pixels P and true ones T, of an image's known pixels:

- Dice: 2 |P and T| / (|P| + |T|), and intersection over union: |P and T| / |P or T|. Where T is empty both are 1 if P
  is empty too and 0 else. ``dice_positive`` is the Dice where T is not empty.
- ``hd95``, in pixels and lower for better, and ``boundary_f``: ``src/evaluation/mask_distance.py``. A finding that is
  missed or invented counts as the image's diagonal and as 0, a rightly empty mask as 0 and as 1.
- ``pooled_dice``: Dice of the pixels of all images together, the mean over the findings.

``segment_published`` (Wang et al., NeurIPS 2022): Dice at the network's own pixels at a threshold of 0.5, 1 for an
empty mask predicted empty, the mean over images.

A figure of an image is the mean over its findings, each a mask of its own, for which it is defined. Pixels whose truth
is ``IGNORED`` count in nothing, nor does a finding of which an image has no other pixel. Where a figure is undefined it
is so by the truth alone, so that two models are compared on the same images: ``segment/images`` says how many have
``dice``, ``iou``, ``hd95`` and ``boundary_f``, ``segment/positives`` how many ``dice_positive``.

Axes: N images, F findings, H and W pixels, M measures.
"""

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from src.core.case_keys import CaseKeys
from src.core.dense import IGNORED
from src.evaluation.cases import Values
from src.evaluation.estimate import Estimate
from src.evaluation.mask_distance import outline_distances
from src.evaluation.measure import measure

_log = logging.getLogger(__name__)
CORRECTED, PUBLISHED = "segment", "segment_published"
_MEASURES = ("dice", "iou", "dice_positive", "hd95", "boundary_f")
_PUBLISHED_MEASURES = ("dice",)


class MaskFigures:
    """Takes the images of a split in their order. ``published``: only Dice, as the published protocol has it."""

    def __init__(self, names: Sequence[str], *, published: bool) -> None:
        self._names = tuple(names)
        self._published = published
        self._values: list[Tensor] = []
        self._positives: list[Tensor] = []
        self._sums_3F = torch.zeros(3, len(self._names), dtype=torch.float64)

    def add(self, predicted_FHW: Tensor, truth_FHW: Tensor) -> None:
        """One image. ``predicted_FHW``: bool. ``truth_FHW``: uint8, 1, 0, ``IGNORED``.

        Raises ValueError where they are of different shapes, or of another number of findings.
        """
        if predicted_FHW.shape != truth_FHW.shape or len(truth_FHW) != len(self._names):
            shapes = tuple(predicted_FHW.shape), tuple(truth_FHW.shape)
            raise ValueError(f"masks of {shapes[0]} and {shapes[1]} are no two of {len(self._names)} findings.")
        # numpy counts bools many times faster than torch does
        known_FHW = truth_FHW.cpu().numpy() != IGNORED
        found_FHW, there_FHW = predicted_FHW.cpu().numpy() & known_FHW, truth_FHW.cpu().numpy() == 1
        both_F, found_F, there_F = (_counts(mask_FHW) for mask_FHW in (found_FHW & there_FHW, found_FHW, there_FHW))
        self._sums_3F += torch.stack([both_F, found_F, there_F])
        dice_F, iou_F = _overlap(2 * both_F, found_F + there_F), _overlap(both_F, found_F + there_F - both_F)
        columns = [dice_F]
        seen_F = _counts(known_FHW) > 0
        if not self._published:
            distance_2F = torch.tensor(
                [outline_distances(*masks) for masks in zip(found_FHW, there_FHW, ~known_FHW, strict=True)],
                dtype=torch.float64,
            ).T
            columns += [iou_F, dice_F.where(there_F > 0, torch.nan), *distance_2F]
        self._values.append(torch.stack(columns).where(seen_F, torch.nan))
        self._positives.append(there_F > 0)

    def cases(self, keys: CaseKeys) -> Values:
        """The images as cases: each measure as the mean over the findings, and ``dice/FINDING`` of several.

        A finding that no image has is left out, which a warning says; all are kept where none has any.
        """
        names = list(_PUBLISHED_MEASURES if self._published else _MEASURES)
        value_NMF, positive_NF = torch.stack(self._values), torch.stack(self._positives)
        there = positive_NF.any(dim=0).nonzero().flatten().tolist() or list(range(len(self._names)))
        if absent := [name for f, name in enumerate(self._names) if f not in there]:
            group = PUBLISHED if self._published else CORRECTED
            _log.warning("%s: left out, as no image has it: %s", group, ", ".join(absent))
        value_NMF, positive_NF = value_NMF[:, :, there], positive_NF[:, there]
        value_NM = value_NMF.nanmean(dim=2)
        positive_NM = positive_NF.any(dim=1, keepdim=True).expand_as(value_NM)
        limited_by: dict[str, list[str]] = {}
        if len(self._names) > 1:
            own = [f"dice/{self._names[f]}" for f in there]
            limited_by = dict.fromkeys(names, own)
            names += own
            value_NM = torch.cat([value_NM, value_NMF[:, 0]], dim=1)
            positive_NM = torch.cat([positive_NM, positive_NF], dim=1)
        return Values(keys=keys, names=tuple(names), value_NM=value_NM, positive_NM=positive_NM, limited_by=limited_by)

    def figures(self, cases: Values, *, resamples: int) -> dict[str, Estimate | float | int]:
        """Every figure of ``cases``, which this object gave, by its name, with 95 % intervals.

        Corrected ones also have ``segment/pooled_dice`` without interval. ``images`` counts those with a pixel
        that is not ignored, ``positives`` those with a finding.
        """
        group = PUBLISHED if self._published else CORRECTED
        figures = measure(cases, group=group, resamples=resamples)
        if not self._published:
            both_F, found_F, there_F = self._sums_3F
            known_F = there_F > 0 if (there_F > 0).any() else torch.ones_like(there_F, dtype=torch.bool)
            pooled = float(_overlap(2 * both_F, found_F + there_F)[known_F].mean())
            figures[f"{group}/pooled_dice"] = Estimate(pooled, torch.nan, torch.nan)
            positives = ~cases.value_NM[:, _MEASURES.index("dice_positive")].isnan()
            figures[f"{group}/positives"] = int(positives.sum())
        counted = ~cases.value_NM[:, _MEASURES.index("dice")].isnan()
        return {**figures, f"{group}/images": int(counted.sum())}


def _counts(mask_FHW: np.ndarray) -> Tensor:
    return torch.tensor([np.count_nonzero(mask_HW) for mask_HW in mask_FHW], dtype=torch.float64)


def _overlap(shared_F: Tensor, whole_F: Tensor) -> Tensor:
    """The share; 1 where nothing is there and nothing was predicted."""
    return torch.where(whole_F > 0, shared_F / whole_F.clamp(min=1), 1.0)
