"""SETR's decoder by progressive upsampling (Zheng et al., CVPR 2021), as MGCA's released code has it on a frozen ViT.

Axes: B images, C channels, F findings, H and W pixels, R and S rows and columns of a map.
"""

from collections.abc import Mapping, Sequence

from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import interpolate

from src.core.errors import UserError
from src.core.precision import at_least_float32
from src.heads.dense import SegmentationHead
from src.heads.map_channels import channels_of


class SETRHead(SegmentationHead):
    """Doubles a map's size again and again, after a linear layer over its channels.

    Each doubling is a 3 x 3 convolution, BatchNorm, ReLU and bilinear upsampling with aligned corners; a 3 x 3
    convolution gives the logits. Initial weights are torch's own, as in the released code.

    Args:
        channels: Of every map of the encoder, by stride in pixels.
        classes: Number of findings.
        strides: Of the one map to read, in a list.
        decoder_channels: After each doubling; as many as there are from that stride to the image.

    Raises:
        UserError: The encoder lacks the stride, or the numbers do not fit.
    """

    def __init__(
        self,
        *,
        channels: Mapping[int, int],
        classes: int,
        strides: Sequence[PositiveInt],
        decoder_channels: Sequence[PositiveInt],
    ) -> None:
        super().__init__()
        if len(strides) != 1 or strides[0] != 2 ** len(decoder_channels):
            raise UserError(
                f"head.strides={list(strides)} with {len(decoder_channels)} head.decoder_channels do not fit: SETR "
                f"reads one map and doubles it once for each of them; give head.strides=[{2 ** len(decoder_channels)}]."
            )
        self.strides = tuple(strides)
        (width,) = channels_of(strides, channels)
        # a 1 x 1 convolution is the linear layer over the patches
        self.dense = nn.Conv2d(width, width, kernel_size=1)
        widths = [width, *decoder_channels]
        self.decoder = nn.Sequential(*(_doubling(*pair) for pair in zip(widths, decoder_channels, strict=False)))
        self.last = nn.Conv2d(widths[-1], classes, kernel_size=3, padding=1)

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """One logit a finding and pixel, (B, F, H, W), float32."""
        logit_BFRS = at_least_float32(self.last(self.decoder(self.dense(maps[0]))))
        if logit_BFRS.shape[2:] == size:
            return logit_BFRS
        # where the stride does not divide the image's side
        return interpolate(logit_BFRS, size=size, mode="bilinear", align_corners=True)


def _doubling(width: int, new_width: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(width, new_width, kernel_size=3, padding=1),
        nn.BatchNorm2d(new_width),
        nn.ReLU(inplace=True),
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
    )
