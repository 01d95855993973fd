"""How images are packed. Whatever changes the store's bytes stands here or in the reader's settings."""

from dataclasses import dataclass
from typing import Literal

from src.data.dicom_io import DicomScale

FORMAT = 1
"""The layout of the files; a store of another number is refused."""

Codec = Literal["raw", "png", "jpeg"]
"""``raw``: no decoding at all. ``png``: about half the space, lossless. ``jpeg``: quality 95, about a third."""


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """Where stores lie and how images are packed into them.

    ``size``: pixels of the longer side. ``pad``: zeros around the image to a square; without it the transforms pad,
    and the store is a tenth to a fifth smaller.
    """

    folder: str
    size: int
    pad: bool
    codec: Codec


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What makes an image of the store out of a file."""

    size: int
    pad: bool
    codec: Codec
    dicom_scale: DicomScale
