"""A U-Net (Ronneberger et al. 2015) on an encoder's maps, with the decoder of segmentation_models_pytorch.

Axes: B images, C channels, F findings, H and W pixels, R and S rows and columns of a map.
"""

from collections.abc import Mapping, Sequence

from pydantic import PositiveInt
from torch import Tensor, nn

from src.core.errors import UserError
from src.core.mmcv_ops import require_packages
from src.core.precision import at_least_float32
from src.core.ranges import Fraction
from src.core.torchvision_ops import ensure_torchvision
from src.heads.dense import SegmentationHead
from src.heads.map_channels import channels_of


class UNetHead(SegmentationHead):
    """Doubles the coarsest map's size again and again, each time beside the encoder's map of that size.

    ``channels``: of every map of the encoder, by stride in pixels. ``strides``: of the maps to read, 2, 4, 8 and so on;
    2 is left out where the encoder has no such map. ``decoder_channels``: after each doubling, coarsest first; as many
    as there are from the coarsest stride to the image. ``dropout``: of whole channels before the last convolution.
    Raises UserError where the encoder lacks another stride or the numbers do not fit.
    """

    def __init__(
        self,
        *,
        channels: Mapping[int, int],
        classes: int,
        strides: Sequence[PositiveInt],
        decoder_channels: Sequence[PositiveInt],
        dropout: Fraction,
    ) -> None:
        super().__init__()
        self.strides = tuple(stride for stride in strides if stride in channels or stride != 2)
        width_of = dict(zip(self.strides, channels_of(self.strides, channels), strict=True))
        doublings = self.strides[-1].bit_length() - 1
        self.every_stride = tuple(2**power for power in range(doublings + 1))
        if not set(self.strides) <= set(self.every_stride[1:]):
            raise UserError(f"head.strides={list(strides)} will not do; a U-Net reads strides 2, 4, 8, 16 and so on.")
        if len(decoder_channels) != doublings:
            raise UserError(
                f"head.decoder_channels has {len(decoder_channels)} numbers, but it takes {doublings} doublings from "
                f"stride {self.strides[-1]} to the image; give {doublings}."
            )
        widths = [width_of.get(stride, 0) for stride in self.every_stride]
        self.decoder = _decoder(widths, decoder_channels)
        self.dropout = nn.Dropout2d(dropout)
        self.last = nn.Conv2d(decoder_channels[-1], classes, kernel_size=3, padding=1)

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """One logit a finding and pixel, (B, F, H, W), float32."""
        map_of = dict(zip(self.strides, maps, strict=True))
        # The library takes the sizes to double to from its skips; one without channels has nothing but its size.
        skips = [
            map_of[stride]
            if stride in map_of
            else maps[0].new_zeros(len(maps[0]), 0, *(-(-side // stride) for side in size))
            for stride in self.every_stride
        ]
        logit_BFHW: Tensor = self.last(self.dropout(self.decoder(skips)))
        return at_least_float32(logit_BFHW)


def _decoder(widths: Sequence[int], decoder_channels: Sequence[int]) -> nn.Module:
    """The library's decoder with its initial weights. ``widths``: channels of the maps of stride 1, 2, 4 and so on."""
    require_packages("segmentation_models_pytorch")
    ensure_torchvision()
    from segmentation_models_pytorch.base.initialization import initialize_decoder
    from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder

    decoder: nn.Module = UnetDecoder(
        encoder_channels=list(widths), decoder_channels=list(decoder_channels), n_blocks=len(decoder_channels)
    )
    initialize_decoder(decoder)
    return decoder
