"""What a trained dense module says of every image of a split, image by image.

Axes: F findings, H and W pixels.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch
from lightning import Trainer
from torch import Tensor

from src.core.dense import DensePixels, Detections
from src.data.annotated_images import AnnotatedImages
from src.data.sources import Split
from src.evaluation.coco_format import JudgedImage
from src.evaluation.embed import autocast
from src.tasks.dense.module import DenseModule, DetectionModule, SegmentationModule
from src.tasks.dense.network import Head

Output = TypeVar("Output")


def found_in(module: DetectionModule, images: AnnotatedImages, split: Split, trainer: Trainer) -> list[JudgedImage]:
    """What is found in every image of ``split``, and what is there, in original pixels."""

    def detect(maps: Sequence[Tensor], size: tuple[int, int]) -> list[Detections]:
        return [Detections(*(tensor.cpu() for tensor in found)) for found in module.network.head.detect(maps, size)]

    judged = []
    for pixels, batch in _every_batch(module, images, split, trainer, detect):
        for position, found in zip(pixels.position_B.tolist(), batch, strict=True):
            truth, to_original = images.truth(split, position), images.to_original(split, position)
            found = _inside(found._replace(box_N4=to_original.apply(found.box_N4)), truth.height, truth.width)
            judged.append(JudgedImage(found, truth.objects, truth.height, truth.width))
    return judged


def probabilities_in(
    module: SegmentationModule, images: AnnotatedImages, split: Split, trainer: Trainer
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Position, probabilities (F, H, W) and truth (F, H, W) of every image of ``split``, as the network sees them."""

    def segment(maps: Sequence[Tensor], size: tuple[int, int]) -> Sequence[Tensor]:
        return module.network.head(maps, size).float().sigmoid().cpu().unbind(0)

    for pixels, batch in _every_batch(module, images, split, trainer, segment):
        yield from zip(pixels.position_B.tolist(), batch, pixels.mask_BFHW, strict=True)


def _every_batch(
    module: DenseModule[Head],
    images: AnnotatedImages,
    split: Split,
    trainer: Trainer,
    read: Callable[[Sequence[Tensor], tuple[int, int]], Sequence[Output]],
) -> Iterator[tuple[DensePixels, Sequence[Output]]]:
    device = trainer.strategy.root_device
    module.to(device).eval()
    module.network.encoder_to(device)
    for pixels in images.judging_dataloader(split):
        with torch.inference_mode(), autocast(device, trainer.precision):
            outputs = read(*module.network.maps(pixels.to(device)))
        yield pixels, outputs


def _inside(found: Detections, height: int, width: int) -> Detections:
    """Boxes ended at the edges of their image, without those that lie in the padding around it."""
    box_N4 = found.box_N4.clamp(min=0).minimum(found.box_N4.new_tensor([width, height, width, height]))
    kept_N = (box_N4[:, 2:] > box_N4[:, :2]).all(dim=1)
    return Detections(box_N4[kept_N], found.score_N[kept_N], found.class_N[kept_N])
