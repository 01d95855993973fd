"""Any of mmsegmentation's decode heads on the maps of one of our encoders.

Axes: B images, C channels, F findings, H and W pixels.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import PositiveInt
from torch import Tensor
from torch.nn.functional import interpolate

from src.core.errors import UserError
from src.core.precision import at_least_float32
from src.heads.dense import SegmentationHead
from src.heads.map_channels import channels_of
from src.heads.mm_config import build, filled, placeholders, try_out


class MMSegHead(SegmentationHead):
    """The decode head that ``config`` describes: any of mmsegmentation's, as its owner would write it.

    ``channels``: of every map of the encoder, by stride in pixels. ``strides``: of the maps that the head is given,
    finest first. Anywhere in ``config``, ``$classes`` is the number of findings, ``$channels`` the list of these maps'
    channels, ``$channels_reversed`` the same coarsest first and ``$last_channels`` those of the coarsest. Each finding
    is a channel of its own. The loss is the run's; a ``loss_decode`` of the config is not used.
    Raises UserError where the encoder lacks a stride, or mmsegmentation is missing or refuses the config.
    """

    def __init__(
        self, *, channels: Mapping[int, int], classes: int, strides: Sequence[PositiveInt], config: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.strides = tuple(strides)
        values = placeholders(classes, channels_of(strides, channels))
        self.decoder = build("mmseg", filled(config, values), key="head.config")
        given = getattr(self.decoder, "out_channels", None)
        if given != classes:
            raise UserError(
                f"head.config gives {given} channels, but the data set has {classes} findings; give num_classes: "
                "$classes."
            )

        widths = dict(zip(strides, channels_of(strides, channels), strict=True))
        try_out(self, self.forward, widths)

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """One logit a finding and pixel, (B, F, H, W), float32, interpolated from the head's own map.

        Raises UserError for a single image in training where the head normalises one number over the batch.
        """
        try:
            logit_BFRS = at_least_float32(self.decoder(list(maps)))
        except ValueError as error:
            if len(maps[0]) > 1 or "more than 1 value per channel" not in str(error):
                raise
            raise UserError(
                "this head normalises over the images of a batch and cannot train on one; give tuning.batch_size=2 or "
                "more."
            ) from error
        return interpolate(logit_BFRS, size=size, mode="bilinear", align_corners=bool(self.decoder.align_corners))
