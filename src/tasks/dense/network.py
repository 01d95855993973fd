"""An image encoder, the pyramid of its maps, and a dense head on it.

Axes: B images, C channels, H and W pixels, E channels of a map, R and S rows and columns of a map.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from src.core.dense import DenseBatch, Objects
from src.core.errors import UserError
from src.heads.dense import DetectionHead, SegmentationHead
from src.heads.try_head import try_dense_head
from src.models.features import ImageEncoder
from src.models.freeze import BatchNormMode, batch_norms, hold_frozen
from src.models.pyramid import MapPyramid

Head = TypeVar("Head", DetectionHead, SegmentationHead)


@dataclass(frozen=True)
class MapBatch:
    """A ``DenseBatch`` of whose images a frozen encoder has made its maps already; ``size`` is that of the images."""

    maps: Sequence[Tensor]
    size: tuple[int, int]
    mask_BFHW: Tensor
    objects: Sequence[Objects]
    position_B: Tensor

    def __len__(self) -> int:
        return len(self.position_B)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "MapBatch":
        """The same batch with every tensor on ``device``."""

        def move(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=non_blocking)

        return MapBatch(
            maps=[move(map_BERS) for map_BERS in self.maps],
            size=self.size,
            mask_BFHW=move(self.mask_BFHW),
            objects=[Objects(*map(move, objects)) for objects in self.objects],
            position_B=move(self.position_B),
        )


class DenseNetwork(nn.Module, Generic[Head]):
    """From images to what a dense head reads.

    A ``frozen`` encoder stays in eval mode, is no part of this module's state and so of no checkpoint. With
    ``batch_norm="published"`` one that has BatchNorms is part of both, without gradient: their statistics move.
    Raises UserError where ``make_head`` makes a head of another task than ``kind``, or one that does not fit.
    """

    head: Head

    def __init__(
        self,
        *,
        encoder: ImageEncoder,
        make_head: Callable[..., nn.Module],
        kind: type[Head],
        classes: int,
        size: tuple[int, int],
        frozen: bool,
        batch_norm: BatchNormMode,
    ) -> None:
        super().__init__()
        self.pyramid = MapPyramid(encoder, size=size)
        head = make_head(channels=self.pyramid.channels, classes=classes)
        if not isinstance(head, kind):
            wanted = "detection" if kind is DetectionHead else "segmentation"
            raise UserError(f"head: {type(head).__name__} is no {wanted} head; choose another option of conf/head.")
        try_dense_head(head, channels=self.pyramid.channels, classes=classes, size=size)
        self.head = head
        self.pyramid.keep(head.strides)
        self._learns = not frozen
        self._batch_norm: BatchNormMode = batch_norm
        constant = frozen and not (batch_norm == "published" and batch_norms(encoder))
        # in a list it is no part of this module
        self._constant = [encoder.eval()] if constant else []
        self.encoder = None if constant else encoder

    @property
    def constant_encoder(self) -> bool:
        """Whether the encoder gives the same maps of an image throughout the training."""
        return bool(self._constant)

    @property
    def trained(self) -> list[nn.Module]:
        """What the optimiser is given: the encoder first, where it learns."""
        return [*([self.encoder] if self._learns and self.encoder is not None else []), self.pyramid, self.head]

    def encoder_to(self, device: torch.device) -> None:
        """Bring a constant encoder to ``device``, where Lightning does not see it."""
        for encoder in self._constant:
            encoder.to(device)

    def train(self, mode: bool = True) -> "DenseNetwork[Head]":
        """Training mode for what is trained alone."""
        super().train(mode)
        if self.encoder is not None:
            hold_frozen(self.encoder, batch_norm=self._batch_norm)
        return self

    def encoder_maps(self, image_BCHW: Tensor) -> list[Tensor]:
        """The encoder's own maps, without gradient where it is frozen."""
        encoder = self._constant[0] if self.encoder is None else self.encoder
        if self._learns:
            return encoder.maps(image_BCHW)
        with torch.no_grad():
            return encoder.maps(image_BCHW)

    def maps(self, batch: DenseBatch | MapBatch) -> tuple[list[Tensor], tuple[int, int]]:
        """The maps that the head reads, and the size of their images."""
        if isinstance(batch, MapBatch):
            return self.pyramid(batch.maps, batch.size), batch.size
        size = (batch.image_BCHW.shape[2], batch.image_BCHW.shape[3])
        return self.pyramid(self.encoder_maps(batch.image_BCHW), size), size
