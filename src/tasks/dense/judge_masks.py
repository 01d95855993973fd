"""Measures a trained segmentation on a split, image by image, and keeps its masks.

Axes: F findings, H and W pixels.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from lightning import Trainer

from src.data.annotated_images import AnnotatedImages
from src.data.sources import Split
from src.evaluation.cases import Cases
from src.evaluation.estimate import Estimate
from src.evaluation.prediction_files import save_masks
from src.evaluation.segmentation import CORRECTED, PUBLISHED, MaskFigures
from src.tasks.dense.draw_dense import draw_masks, spread
from src.tasks.dense.module import SegmentationModule
from src.tasks.dense.predict import probabilities_in

_PUBLISHED_THRESHOLD = 0.5


def judge_masks(
    module: SegmentationModule,
    images: AnnotatedImages,
    split: Split,
    trainer: Trainer,
    *,
    threshold: float,
    resamples: int,
    shown: int,
    title: str,
    run_dir: Path,
) -> tuple[dict[str, Estimate | float | int], Mapping[str, Cases], list[Path]]:
    """The figures of both protocols, the cases behind each, and the pictures drawn of ``shown`` images.

    Every image's masks are written below ``run_dir/predictions/masks`` as they are made; none is held longer.
    """
    names, keys = images.finding_names, images.case_keys(split)
    corrected, published = MaskFigures(names, published=False), MaskFigures(names, published=True)
    chosen, kept = spread(len(keys), shown), {}
    for position, probability_FHW, seen_FHW in probabilities_in(module, images, split, trainer):
        published.add(probability_FHW > _PUBLISHED_THRESHOLD, seen_FHW)
        truth = images.truth(split, position)
        whole_FHW = images.to_image(split, position).probability(probability_FHW.numpy(), *truth.mask_FHW.shape[1:])
        predicted_FHW = torch.from_numpy(whole_FHW >= threshold)
        corrected.add(predicted_FHW, torch.from_numpy(truth.mask_FHW))
        original_FHW = truth.to_original.mask(predicted_FHW.numpy(), truth.height, truth.width)
        one = keys.take(torch.tensor([position]))
        save_masks(torch.from_numpy(original_FHW), one, names, run_dir / "predictions" / "masks")
        if position in chosen:
            kept[position] = predicted_FHW, truth.mask_FHW
    cases = {PUBLISHED: published.cases(keys), CORRECTED: corrected.cases(keys)}
    figures = {
        **published.figures(cases[PUBLISHED], resamples=resamples),
        **corrected.figures(cases[CORRECTED], resamples=resamples),
    }
    drawn = draw_masks(kept, cases[CORRECTED], images, split, run_dir / "pictures", title=title) if kept else []
    return figures, cases, drawn
