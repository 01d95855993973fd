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
from src.tasks.image_title import image_title

_OTHERWISE = 0.3
"""The score from which on detections are drawn where the validation images cannot choose one."""
DRAWN_OVERLAP = 0.5
_MOST = 12


def spread(count: int, shown: int) -> list[int]:
    """At most ``shown`` positions of ``count``, evenly spread from the first on."""
    shown = min(count, shown)
    return [position * count // shown for position in range(shown)]


def draw_detections(
    judged: Sequence[JudgedImage],
    images: AnnotatedImages,
    split: Split,
    folder: Path,
    *,
    best: Mapping[str, float | None],
    files: bool,
    title: str,
    shown: int,
) -> list[Path]:
    """Draw ``detections.png`` of ``shown`` images with their surest detections; the files drawn.

    ``best``: the score from which on each finding's detections are drawn, as the validation split chose it; None where
    it could not. ``files``: whether images are called by their files.
    """
    names, chosen = images.finding_names, spread(len(judged), shown)
    if not chosen:
        return []
    least_F = torch.tensor([_OTHERWISE if best[name] is None else best[name] for name in names], dtype=torch.float64)
    overlays = []
    for position in chosen:
        called = _title(images, split, position, files=files)
        overlays.append(_of_boxes(judged[position], images, split, position, least_F, title=called))
    path = folder / "detections.png"
    draw_overlays(
        overlays,
        names,
        path,
        heading="What was found, and what is there",
        aside=f"{len(overlays)} of {len(judged)} images of the {split} split. {_chosen(best)}",
        title=title,
        found={name: f"{name}, score from {least:.2g}" for name, least in zip(names, least_F.tolist(), strict=True)},
    )
    return [path]


def _chosen(best: Mapping[str, float | None]) -> str:
    """How the scores were chosen from which on detections are drawn."""
    without = [name.replace("_", " ") for name, score in best.items() if score is None]
    if len(without) == len(best):
        return (
            f"No detection on the validation split hits an object at IoU {DRAWN_OVERLAP}, so that it cannot choose a "
            f"threshold; {_OTHERWISE} is used."
        )
    said = f"Thresholds of the score: the highest F1 at IoU {DRAWN_OVERLAP} on the validation split."
    if without:
        said += f" It has no hit to choose one for {', '.join(without)}; {_OTHERWISE} is used."
    return said


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
        for recall_H, precision_H, average in [precision_recall(cases, finding, DRAWN_OVERLAP)]
    ]
    path = folder / "precision_recall.png"
    draw_detection_curves(curves, path, overlap=DRAWN_OVERLAP, title=title)
    return [path] if curves else []


def draw_masks(
    kept: Mapping[int, tuple[Tensor, np.ndarray]],
    cases: Values,
    images: AnnotatedImages,
    split: Split,
    folder: Path,
    *,
    threshold: float,
    files: bool,
    title: str,
) -> list[Path]:
    """Draw ``masks.png``: of each position kept, what was predicted (bool) and what is there; the files drawn.

    ``kept``: masks in pixels of ``images.image``. ``threshold``: the probability from which on a pixel was predicted.
    ``files``: whether images are called by their files.
    """
    names, dice_N = images.finding_names, cases.value_NM[:, cases.names.index("dice")]
    overlays = [
        _of_masks(
            predicted_FHW,
            truth_FHW,
            images,
            split,
            position,
            title=_title(images, split, position, files=files),
            caption=f"Dice {float(dice_N[position]):.2f}",
        )
        for position, (predicted_FHW, truth_FHW) in kept.items()
    ]
    path = folder / "masks.png"
    aside = (
        f"{len(overlays)} of {len(cases.keys)} images of the {split} split. Found: pixels of a probability of "
        f"{threshold:g} or more (task.threshold). Dice: the mean over the findings."
    )
    heading = "What was outlined, and what is there"
    draw_overlays(overlays, names, path, heading=heading, aside=aside, title=title)
    return [path]


def _of_boxes(
    judged: JudgedImage, images: AnnotatedImages, split: Split, position: int, least_F: Tensor, *, title: str
) -> Overlay:
    names = images.finding_names
    image_HW = images.image(split, position)
    from_original = images.from_original(split, position)
    objects = Objects(*(from_original.apply(part) if part.ndim == 2 else part for part in judged.objects))
    sure_N = (judged.found.score_N.double() >= least_F[judged.found.class_N.long()]).nonzero().flatten()
    count = len(sure_N)
    sure_N = sure_N[judged.found.score_N[sure_N].argsort(descending=True, stable=True)[:_MOST]]
    found = Detections(*(part[sure_N] for part in judged.found))
    found = found._replace(box_N4=from_original.apply(found.box_N4))
    return Overlay(
        image_HW=image_HW,
        title=title,
        caption=f"{len(objects.box_N4)} there, {count} found" + (f", {_MOST} drawn" if count > _MOST else ""),
        true_boxes=list(zip(_named(names, objects.class_N), objects.box_N4.numpy(), strict=True)),
        found_boxes=list(zip(_named(names, found.class_N), found.box_N4.numpy(), found.score_N.tolist(), strict=True)),
        true_masks=[],
        found_masks=[],
        ignored_HW=ignored_pixels(list(objects.ignored_I4.numpy()), *image_HW.shape),
    )


def _of_masks(
    predicted_FHW: Tensor,
    truth_FHW: np.ndarray,
    images: AnnotatedImages,
    split: Split,
    position: int,
    *,
    title: str,
    caption: str,
) -> Overlay:
    names = images.finding_names
    return Overlay(
        image_HW=images.image(split, position),
        title=title,
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


def _title(images: AnnotatedImages, split: Split, position: int, *, files: bool) -> str:
    pairs = images.split(split).pairs
    return image_title(pairs.table, int(pairs.index_K[position]), files=files)


def _named(names: Sequence[str], class_N: Tensor) -> list[str]:
    return [names[finding] for finding in torch.as_tensor(class_N).tolist()]
