"""Maps of every stride that a dense head may ask for, from whatever maps an image encoder has.

Axes: B images, C channels, H and W pixels, E channels of a map, R and S rows and columns of a map.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from src.core.errors import UserError
from src.models.features import ImageEncoder

STRIDES = (4, 8, 16, 32)
"""Of the maps that every encoder can give with a pyramid, in pixels of the image."""


class MapPyramid(nn.Module):
    """The encoder's own maps by stride, and those of ``STRIDES`` that it lacks made from its last one.

    A plain vision transformer has one map: transposed convolutions make finer ones of it and max-pooling coarser ones
    (Li et al. 2022, section 3, the simple feature pyramid; the projections that follow there are the first layers of
    the head's own neck here). The map of its own stride is handed on as it is. A map whose stride is no power of two
    (patches of 14 pixels) is first brought to the nearest one, bilinearly.

    ``size``: height and width of the images. ``channels``: of each stride's map. Only the layers that make maps of the
    ``strides`` asked for are trained, once ``keep`` was called.
    """

    def __init__(self, encoder: ImageEncoder, *, size: tuple[int, int]) -> None:
        super().__init__()
        own = _try(encoder, size)
        self._own = {_stride(map_BERS, size): index for index, map_BERS in enumerate(own)}
        self.channels: dict[int, int] = {stride: own[index].shape[1] for stride, index in self._own.items()}
        self._last = max(self._own)
        self._made = nn.ModuleDict()
        for stride in STRIDES:
            if stride not in self._own:
                layers, self.channels[stride] = _resampling(self.channels[self._last], self._last, stride)
                self._made[str(stride)] = layers
        self.channels = dict(sorted(self.channels.items()))

    def keep(self, strides: Sequence[int]) -> None:
        """Leave out the layers that make maps of other strides."""
        for stride in list(self._made):
            if int(stride) not in strides:
                del self._made[stride]
        self.strides = tuple(strides)

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> list[Tensor]:
        """The maps of the kept strides, finest first, from the encoder's ``maps`` of images of ``size``."""
        own = {stride: _at_stride(maps[index], size, stride) for stride, index in self._own.items()}
        last_BERS = own[self._last]
        made = {int(stride): layers(last_BERS) for stride, layers in self._made.items()}
        return [(own | made)[stride] for stride in self.strides]


@torch.no_grad()
def _try(encoder: ImageEncoder, size: tuple[int, int]) -> list[Tensor]:
    parameter = next(encoder.parameters())
    training = encoder.training
    try:
        return encoder.eval().maps(torch.zeros(1, 3, *size, device=parameter.device))
    finally:
        encoder.train(training)


def _stride(map_BERS: Tensor, size: tuple[int, int]) -> int:
    """The power of two that is nearest to how many pixels of the image one place of the map stands for."""
    return int(2 ** round(math.log2(size[0] / map_BERS.shape[2])))


def _at_stride(map_BERS: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """The map with a place for every ``stride`` pixels begun."""
    rows, columns = (math.ceil(side / stride) for side in size)
    if map_BERS.shape[2:] == (rows, columns):
        return map_BERS
    return functional.interpolate(map_BERS, size=(rows, columns), mode="bilinear", align_corners=False)


def _resampling(channels: int, own: int, stride: int) -> tuple[nn.Module, int]:
    """Layers from the map of stride ``own`` to that of ``stride``, and how many channels they end with."""
    steps = int(math.log2(own / stride))
    if steps < 0:
        return nn.Sequential(*(nn.MaxPool2d(2, ceil_mode=True) for _ in range(-steps))), channels
    layers: list[nn.Module] = []
    for step in range(steps):
        if step:
            layers += [ChannelNorm(channels), nn.GELU()]
        layers.append(nn.ConvTranspose2d(channels, channels // 2, kernel_size=2, stride=2))
        channels //= 2
    if not channels:
        raise UserError(f"The image encoder's map has too few channels to make one of stride {stride} of it.")
    return nn.Sequential(*layers), channels


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of a map (B, E, R, S)."""

    def forward(self, map_BERS: Tensor) -> Tensor:
        return super().forward(map_BERS.movedim(1, -1)).movedim(-1, 1)
