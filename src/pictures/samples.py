"""A sheet of images with what is said of them."""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from src.pictures.canvas import INK, QUIET, SMALL, TEXT, bare_image, new_figure, save_png, shorten_middle

_CELL = 380
_GAP = 24
_LINE = 19
_SKIP = 6
_LETTERS, _BOLD_LETTERS = 44, 36
_TITLE_LINES = 2


def draw_samples(
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    path: Path,
    *,
    title: str,
    names: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    columns: int = 4,
    lines: int = 8,
) -> None:
    """A grid of grey uint8 images (H, W) of any shapes, each with its caption wrapped below.

    ``names``: what each image is called, in a line of its own. ``titles``: one or two bold lines above each
    caption, e.g. the findings. A caption longer than ``lines`` lines ends in an ellipsis. Captions may be empty.
    """
    texts = [wrap_caption(caption, lines) for caption in captions]
    bold = [_wrap(one, _BOLD_LETTERS, _TITLE_LINES) for one in titles or [""] * len(texts)]
    called = [shorten_middle(name, _LETTERS) for name in names or [""] * len(texts)]
    named = _LINE + 2 if any(called) else 0
    text_height = 14 + named + max(_height(text) + _height(one) + _SKIP for text, one in zip(texts, bold, strict=True))
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    width, height = columns * (_CELL + _GAP) + _GAP, rows * (_CELL + text_height + _GAP) + _GAP
    figure = new_figure(width, height)
    for number, (image_HW, text, above, name) in enumerate(zip(images, texts, bold, called, strict=True)):
        left = _GAP + (number % columns) * (_CELL + _GAP)
        top = height - _GAP - (number // columns) * (_CELL + text_height + _GAP)
        axes = figure.add_axes((left / width, (top - _CELL) / height, _CELL / width, _CELL / height), facecolor="black")
        bare_image(axes)
        axes.imshow(image_HW, cmap="gray", vmin=0, vmax=255, interpolation="lanczos")
        below = top - _CELL - 10
        place: dict[str, Any] = {"ha": "left", "va": "top", "parse_math": False}
        figure.text(left / width, below / height, name, fontsize=SMALL, color=INK, **place)
        below -= named
        if above:
            figure.text(
                left / width,
                below / height,
                above,
                fontsize=TEXT,
                color=INK,
                fontweight="bold",
                linespacing=1.1,
                **place,
            )
            below -= _height(above) + _SKIP
        figure.text(left / width, below / height, text, fontsize=SMALL, color=QUIET, linespacing=1.25, **place)
    save_png(figure, path, title=title)


def wrap_caption(caption: str, lines: int) -> str:
    """The caption in at most ``lines`` lines; what does not fit becomes an ellipsis."""
    return _wrap(caption, _LETTERS, lines)


def _wrap(text: str, letters: int, lines: int) -> str:
    return "\n".join(textwrap.wrap(text, letters, max_lines=lines, placeholder=" …"))


def _height(text: str) -> int:
    return _LINE * len(text.splitlines())
