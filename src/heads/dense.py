"""What heads of detection and of segmentation are, whichever library they come from.

Axes: B images, C channels, R and S rows and columns of a map, H and W pixels, F findings.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from src.core.dense import Detections, Objects


class DetectionHead(nn.Module):
    """Base of detection heads. A new one says which maps it reads and implements ``loss`` and ``detect``.

    ``strides``: of the maps that it is given, finest first, in pixels of the image.
    """

    strides: tuple[int, ...]

    def loss(self, maps: Sequence[Tensor], objects: Sequence[Objects], size: tuple[int, int]) -> dict[str, Tensor]:
        """The parts of the loss by name, scalars to be added. ``size``: height and width of the images in pixels."""
        raise NotImplementedError

    def detect(self, maps: Sequence[Tensor], size: tuple[int, int]) -> list[Detections]:
        """What is found in each image, in its pixels, most certain first."""
        raise NotImplementedError


class SegmentationHead(nn.Module):
    """Base of segmentation heads. A new one says which maps it reads and implements ``forward``.

    ``strides``: of the maps that it is given, finest first, in pixels of the image.
    """

    strides: tuple[int, ...]

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """One logit a finding and pixel, (B, F, H, W) for images of ``size`` (H, W)."""
        raise NotImplementedError

    def __call__(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        logit_BFHW: Tensor = super().__call__(maps, size)
        return logit_BFHW
