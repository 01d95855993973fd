"""An image encoder's vectors of a split, each computed once.

Axes: B images of a batch, N images, E feature width, F findings.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from src.core.batch import PairBatch, PixelBatch
from src.core.errors import UserError
from src.evaluation.embed import autocast
from src.models.features import ImageEncoder


@dataclass(frozen=True)
class Features:
    """``feature_NE``: float32, the global vector before any projection. ``label_NF``: 1, 0, NaN unknown."""

    feature_NE: Tensor
    label_NF: Tensor

    def __len__(self) -> int:
        return len(self.feature_NE)

    def to(self, device: torch.device) -> "Features":
        """The same on ``device``."""
        return Features(self.feature_NE.to(device), self.label_NF.to(device))


def extract(
    encoder: ImageEncoder, dataloader: Iterable[PairBatch | PixelBatch], *, device: torch.device, precision: str
) -> Features:
    """The features of every image, in eval mode and without gradients, on ``device``, where the encoder must be.

    Raises UserError where there is no image, or where a feature is not finite.
    """
    was_training = encoder.training
    encoder.eval()
    try:
        with torch.inference_mode(), autocast(device, precision):
            parts = [_of(encoder, batch.to(device)) for batch in dataloader]
    finally:
        encoder.train(was_training)
    if not parts:
        raise UserError("There are no images to judge the encoder on: the split is empty; give it at least one image.")
    # clones: tensors of inference mode cannot be trained on
    features = Features(*(torch.cat(column).clone() for column in zip(*parts, strict=True)))
    if not features.feature_NE.isfinite().all():
        raise UserError(
            "The image encoder gives features that are not finite; choose a checkpoint from before its loss went "
            "wrong, or trainer.precision=32-true."
        )
    return features


def _of(encoder: ImageEncoder, batch: PairBatch) -> tuple[Tensor, Tensor]:
    return encoder(batch.image_BCHW).global_BE.float().cpu(), batch.label_BF.cpu()
