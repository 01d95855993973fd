"""The pictures of detection and segmentation: held-out images with what was found and what is there.

Axes: N objects or detections, F findings, H and W pixels.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from src.core.dense import IGNORED, Detections, Objects
from src.data.annotated_images import AnnotatedImages
from src.data.sources import Split
from src.evaluation.average_precision import precision_recall
from src.evaluation.cases import Values
from src.evaluation.coco_format import JudgedImage
from src.evaluation.matches import Matches
from src.pictures.curves import FoundCurve, draw_detection_curves
from src.pictures.overlays import Overlay, draw_overlays, ignored_pixels

_LEAST_SCORE = 0.3
_OVERLAP = 0.5
_MOST = 12


def spread(count: int, shown: int) -> list[int]:
    """At most ``shown`` positions of ``count``, evenly spread from the first on."""
    shown = min(count, shown)
    return [position * count // shown for position in range(shown)]


def draw_detections(
    judged: Sequence[JudgedImage], images: AnnotatedImages, split: Split, folder: Path, *, title: str, shown: int
) -> list[Path]:
    """Draw ``detections.png`` of ``shown`` images with their surest detections; the files drawn."""
    names, chosen = images.finding_names, spread(len(judged), shown)
    if not chosen:
        return []
    overlays = [_of_boxes(judged[position], images, split, position, names) for position in chosen]
    path = folder / "detections.png"
    draw_overlays(
        overlays,
        names,
        path,
        heading="What was found, and what is there",
        aside=f"{len(overlays)} of {len(judged)} images of the {split} split; found: scores of {_LEAST_SCORE} or more",
        title=title,
    )
    return [path]


def draw_precision(cases: Matches, folder: Path, *, title: str) -> list[Path]:
    """Draw ``precision_recall.png``, each finding's precision by recall; nothing where no finding has an object."""
    curves = [
        FoundCurve(
            name=cases.names[finding],
            recall_H=recall_H,
            precision_H=precision_H,
            average=average,
            objects=int(cases.object_NF[:, finding].sum()),
        )
        for finding in cases.judged()
        for recall_H, precision_H, average in [precision_recall(cases, finding, _OVERLAP)]
    ]
    path = folder / "precision_recall.png"
    draw_detection_curves(curves, path, overlap=_OVERLAP, title=title)
    return [path] if curves else []


def draw_masks(
    kept: Mapping[int, tuple[Tensor, np.ndarray]],
    cases: Values,
    images: AnnotatedImages,
    split: Split,
    folder: Path,
    *,
    title: str,
) -> list[Path]:
    """Draw ``masks.png``: of each position kept, what was predicted (bool) and what is there; the files drawn.

    ``kept``: masks in pixels of ``images.image``.
    """
    names, dice_N = images.finding_names, cases.value_NM[:, cases.names.index("dice")]
    overlays = [
        _of_masks(predicted_FHW, truth_FHW, images, split, position, f"Dice {float(dice_N[position]):.2f}")
        for position, (predicted_FHW, truth_FHW) in kept.items()
    ]
    path = folder / "masks.png"
    aside = f"{len(overlays)} of {len(cases.keys)} images of the {split} split"
    heading = "What was outlined, and what is there"
    draw_overlays(overlays, names, path, heading=heading, aside=aside, title=title)
    return [path]


def _of_boxes(
    judged: JudgedImage, images: AnnotatedImages, split: Split, position: int, names: Sequence[str]
) -> Overlay:
    image_HW = images.image(split, position)
    from_original = images.from_original(split, position)
    objects = Objects(*(from_original.apply(part) if part.ndim == 2 else part for part in judged.objects))
    sure_N = (judged.found.score_N >= _LEAST_SCORE).nonzero().flatten()[:_MOST]
    found = Detections(*(part[sure_N] for part in judged.found))
    found = found._replace(box_N4=from_original.apply(found.box_N4))
    return Overlay(
        image_HW=image_HW,
        title=_title(images, split, position),
        caption=f"{len(objects.box_N4)} there, {len(found.box_N4)} found",
        true_boxes=list(zip(_named(names, objects.class_N), objects.box_N4.numpy(), strict=True)),
        found_boxes=list(zip(_named(names, found.class_N), found.box_N4.numpy(), found.score_N.tolist(), strict=True)),
        true_masks=[],
        found_masks=[],
        ignored_HW=ignored_pixels(list(objects.ignored_I4.numpy()), *image_HW.shape),
    )


def _of_masks(
    predicted_FHW: Tensor, truth_FHW: np.ndarray, images: AnnotatedImages, split: Split, position: int, caption: str
) -> Overlay:
    names = images.finding_names
    return Overlay(
        image_HW=images.image(split, position),
        title=_title(images, split, position),
        caption=caption,
        true_boxes=[],
        found_boxes=[],
        true_masks=[
            (name, mask_HW == 1) for name, mask_HW in zip(names, truth_FHW, strict=True) if (mask_HW == 1).any()
        ],
        found_masks=[
            (name, mask_HW.numpy()) for name, mask_HW in zip(names, predicted_FHW, strict=True) if mask_HW.any()
        ],
        ignored_HW=(truth_FHW == IGNORED).all(axis=0),
    )


def _title(images: AnnotatedImages, split: Split, position: int) -> str:
    return f"row {images.split(split).pairs.row(position)}"


def _named(names: Sequence[str], class_N: Tensor) -> list[str]:
    return [names[finding] for finding in torch.as_tensor(class_N).tolist()]
