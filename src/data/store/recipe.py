"""How images are packed. Whatever changes the store's bytes stands here or in the reader's settings."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from src.core.errors import UserError
from src.data.dicom_io import DicomScale
from src.data.image_io import MIN_SIDE
from src.data.resize import Resize

FORMAT = 3
"""The layout of the files and the rules by which their images and masks are read; another number is refused."""

Codec = Literal["raw", "png", "jpeg"]
"""``raw``: no decoding at all. ``png``: about half the space, lossless. ``jpeg``: quality 95, about a third."""


_EXPERIMENT = "+experiment="
_ABOUT_DATA = ("dataset.", "store.", "paths.raw=", "paths.store=", "paths.data=")


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """Where stores lie and how images are packed into them.

    ``name``: the option of ``conf/store``. ``resize``: see ``src.data.resize.Resize``. ``size``: pixels of the longer
    side, or of both. ``pad``: zeros around the image to a square; without it the transforms pad, and the store is a
    tenth to a fifth smaller. ``dataset`` and ``overrides``: what the user typed, so that a message can say what to
    type.
    Raises ``UserError`` for a size that no image can have.
    """

    name: str
    folder: str
    resize: Resize
    size: int
    pad: bool
    codec: Codec
    dataset: str
    overrides: Sequence[str]

    def __post_init__(self) -> None:
        if self.size < MIN_SIDE:
            raise UserError(f"store.size is {self.size}; the smallest side admitted is {MIN_SIDE} pixels")

    def command(self, task: str, *, extra: Sequence[str] = ()) -> str:
        """The command that runs ``task`` on this data set as it was asked for, and with ``extra`` overrides."""
        typed = [word for word in self.overrides if word.startswith(_ABOUT_DATA)]
        keys = {word.partition("=")[0] for word in typed}
        added = [word for word in extra if word.partition("=")[0] not in keys]
        chosen: list[str] = []
        if self.name != "default":
            # an experiment chooses its store, and the settings of its reader, itself
            chosen = [word for word in self.overrides if word.startswith(_EXPERIMENT)] or [f"store={self.name}"]
        return shlex.join(
            ["python", "-m", "src.run", f"task={task}", *chosen, f"dataset={self.dataset}", *typed, *added]
        )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What makes an image of the store out of a file."""

    resize: Resize
    size: int
    pad: bool
    codec: Codec
    dicom_scale: DicomScale
