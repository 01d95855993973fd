"""Measures a trained segmentation on a split, image by image, and keeps its masks.

Axes: F findings, H and W pixels.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from lightning import Trainer

from src.data.annotated_images import AnnotatedImages
from src.data.axis_map import AxisMap
from src.data.sources import Split
from src.evaluation.cases import Cases
from src.evaluation.estimate import Estimate
from src.evaluation.evaluated_data import content_digest
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
    files: bool,
    title: str,
    run_dir: Path,
) -> tuple[dict[str, Estimate | float | int], Mapping[str, Cases], list[Path]]:
    """The figures of both protocols, the cases behind each, and the pictures drawn of ``shown`` images.

    Corrected ones are measured at the pixels of the owner's originals, whatever a store made of them: probabilities are
    interpolated to these once, from the network's grid, and the truth is the owner's own mask.
    Every image's masks are written below ``run_dir/predictions/masks`` as they are made; none is held longer.
    """
    names, keys = images.finding_names, images.case_keys(split)
    corrected, published = MaskFigures(names, published=False), MaskFigures(names, published=True)
    chosen, kept, truths = spread(len(keys), shown), {}, []
    for position, probability_FHW, seen_FHW in probabilities_in(module, images, split, trainer):
        published.add(probability_FHW > _PUBLISHED_THRESHOLD, seen_FHW)
        truth, to_original = images.truth(split, position), images.to_original(split, position)
        predicted_FHW = _outlined(probability_FHW.numpy(), to_original, truth.height, truth.width, threshold)
        corrected.add(torch.from_numpy(predicted_FHW), torch.from_numpy(truth.mask_FHW))
        truths.append(content_digest([truth.mask_FHW, str((truth.height, truth.width))]))
        one = keys.take(torch.tensor([position]))
        save_masks(torch.from_numpy(predicted_FHW), one, names, run_dir / "predictions" / "masks")
        if position in chosen:
            on_image, shape = images.from_original(split, position), images.image(split, position).shape
            small_FHW = on_image.mask(predicted_FHW, *shape)
            kept[position] = torch.from_numpy(small_FHW), on_image.mask(truth.mask_FHW, *shape)
    # the masks of the data set for both, as those at the network's pixels depend on the transform
    whole_truth = content_digest(truths)
    cases = {
        PUBLISHED: replace(published.cases(keys), truth=whole_truth),
        CORRECTED: replace(corrected.cases(keys), truth=whole_truth),
    }
    figures = {
        **published.figures(cases[PUBLISHED], resamples=resamples),
        **corrected.figures(cases[CORRECTED], resamples=resamples),
    }
    if not kept:
        return figures, cases, []
    folder = run_dir / "pictures"
    drawn = draw_masks(kept, cases[CORRECTED], images, split, folder, threshold=threshold, files=files, title=title)
    return figures, cases, drawn


def _outlined(
    probability_FHW: np.ndarray, to_original: AxisMap, height: int, width: int, threshold: float
) -> np.ndarray:
    """The pixels of each finding in the original, bool (F, ``height``, ``width``)."""
    outlined_FHW = np.zeros((len(probability_FHW), height, width), dtype=bool)
    for outlined_HW, probability_HW in zip(outlined_FHW, probability_FHW, strict=True):
        # an interpolated value is never above the largest
        if probability_HW.max() >= threshold:
            outlined_HW[:] = to_original.probability(probability_HW, height, width) >= threshold
    return outlined_FHW
