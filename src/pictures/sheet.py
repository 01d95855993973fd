"""A sheet of pictures under a heading and a legend, each with a title and a caption below.

All sizes are in pixels. Axes: H and W pixels.
"""

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.pictures.canvas import DPI, INK, QUIET, SMALL, TEXT, TITLE, bare_image, new_figure, save_png, shorten_middle
from src.pictures.samples import wrap_caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#ffb000", "#648fff", "#dc267f", "#3ddbd9", "#fe6100", "#a56eff", "#f4e04d", "#009e73", "#ff9fd0", "#7ad151")
"""Bright on grey, and the first ones told apart by colour-blind readers (IBM's palette); a finding's colour is given by
its place in the legend, and the eleventh has the first's again."""
TINT = 0.28
_CELL, _GAP, _TOP = 380, 24, 96
_LINE, _TEXT_LINES, _TITLE_HEIGHT = 19, 2, 26
_KEY, _INSET = 22, 3
_LETTERS, _ASIDE_LETTER, _ASIDE_LINE = 36, 8.4, 21

Key = Sequence[Mapping[str, Any]]
"""How the small square of a legend's entry is drawn: what matplotlib's ``Rectangle`` takes, a further one within."""


def draw_sheet(
    captions: Sequence[tuple[str, str]],
    draw: "Callable[[Axes, int], None]",
    legend: Mapping[str, Key],
    path: Path,
    *,
    heading: str,
    aside: str,
    title: str,
    columns: int,
) -> None:
    """A grid of square cells, as many as ``captions``, which are title and caption; ``draw`` fills each by number."""
    columns = max(1, min(columns, len(captions)))
    rows = math.ceil(len(captions) / columns)
    step = _CELL + _TITLE_HEIGHT + _LINE * _TEXT_LINES + _GAP
    width = max(columns, 2) * (_CELL + _GAP) + _GAP
    lines = _legend_rows(list(legend), width)
    asides = textwrap.wrap(aside, int((width - 2 * _GAP) / _ASIDE_LETTER))
    begin = _TOP + _ASIDE_LINE * max(0, len(asides) - 1)
    top = begin + _KEY * len(lines) - (0 if lines else 12)
    height = top + rows * step
    figure = new_figure(width, height)
    _heading(figure, heading, "\n".join(asides), width, height)
    _legend(figure, lines, legend, width, height, begin=begin)
    place: dict[str, Any] = {"ha": "left", "va": "top", "parse_math": False}
    for number, (name, caption) in enumerate(captions):
        left = _GAP + (number % columns) * (_CELL + _GAP)
        above = height - top - (number // columns) * step
        axes = figure.add_axes(
            (left / width, (above - _CELL) / height, _CELL / width, _CELL / height), facecolor="#10151b"
        )
        draw(axes, number)
        below = above - _CELL - 8
        called = shorten_middle(name, _LETTERS)
        figure.text(left / width, below / height, called, fontsize=TEXT, color=INK, fontweight="bold", **place)
        text = wrap_caption(caption, _TEXT_LINES)
        figure.text(
            left / width, (below - _TITLE_HEIGHT) / height, text, fontsize=SMALL, color=QUIET, linespacing=1.25, **place
        )
    save_png(figure, path, title=title)


def finding_colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each finding, by its place."""
    return {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(dict.fromkeys(names))}


def filled_key(colour: str) -> Key:
    """A legend's square of this colour, its edge stronger than its inside."""
    return [{"facecolor": (*_rgb(colour), 0.45), "edgecolor": colour, "linewidth": 1.2}]


def show_grey(axes: "Axes", image_HW: np.ndarray) -> None:
    """A grey uint8 image in its own shape, in the middle of a square, whichever side is longer."""
    bare_image(axes)
    height, width = image_HW.shape
    side = max(height, width)
    extent = (0, width, height, 0)
    axes.imshow(image_HW, cmap="gray", vmin=0, vmax=255, extent=extent, interpolation="lanczos")
    axes.set_xlim((width - side) / 2, (width + side) / 2)
    axes.set_ylim((height + side) / 2, (height - side) / 2)


def tint(axes: "Axes", mask_HW: np.ndarray, colour: str, *, strength: float = TINT) -> None:
    """The pixels of a mask in a colour that the image shows through; ``strength``: how little."""
    height, width = mask_HW.shape
    tint_HW4 = np.zeros((height, width, 4))
    tint_HW4[..., :3] = _rgb(colour)
    tint_HW4[..., 3] = strength * mask_HW
    axes.imshow(tint_HW4, extent=(0, width, height, 0), interpolation="nearest")


def trace(axes: "Axes", mask_HW: np.ndarray, colour: str, *, shaded: bool = True, dashes: Any = "solid") -> None:
    """The outline of a mask, over a dark shadow where it is ``shaded``; nothing where the mask is empty."""
    if not mask_HW.any():
        return
    height, width = mask_HW.shape
    # a rim of zeros closes outlines that run along the edge
    rim_HW = np.pad(mask_HW.astype(float), 1)
    x, y = np.arange(width + 2) - 0.5, np.arange(height + 2) - 0.5
    lines = axes.contour(x, y, rim_HW, levels=[0.5], colors=[colour], linewidths=1.1, linestyles=[dashes])
    if shaded:
        lines.set_path_effects(shadow())


def shadow() -> list[Any]:
    """What keeps a line apart from bright and from dark ground."""
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=2.6, foreground="black", alpha=0.55), Normal()]


def _heading(figure: "Figure", heading: str, aside: str, width: int, height: int) -> None:
    place: dict[str, Any] = {"ha": "left", "va": "top", "parse_math": False}
    left, top = _GAP / width, (height - 22) / height
    figure.text(left, top, heading, fontsize=TITLE + 3, color=INK, fontweight="bold", **place)
    figure.text(left, (height - 56) / height, aside, fontsize=TEXT, color=QUIET, linespacing=1.25, **place)


def _legend_rows(names: Sequence[str], width: int) -> list[list[tuple[int, str]]]:
    """The findings with where each begins, in pixels from the left, broken into lines that fit."""
    rows: list[list[tuple[int, str]]] = []
    left = width
    for name in names:
        taken = _KEY + _text_width(name) + 22
        if left + taken > width - _GAP:
            rows.append([])
            left = _GAP
        rows[-1].append((left, name))
        left += taken
    return rows


def _legend(
    figure: "Figure",
    rows: Sequence[Sequence[tuple[int, str]]],
    keys: Mapping[str, Key],
    width: int,
    height: int,
    *,
    begin: int,
) -> None:
    from matplotlib.patches import Rectangle

    for number, row in enumerate(rows):
        middle = height - begin - 2 - number * _KEY
        for left, name in row:
            for inset, style in enumerate(keys[name]):
                corner = (left + _INSET * inset) / width, (middle - 7 + _INSET * inset) / height
                sides = (14 - 2 * _INSET * inset) / width, (14 - 2 * _INSET * inset) / height
                figure.add_artist(Rectangle(corner, *sides, transform=figure.transFigure, **style))
            figure.text(
                (left + 20) / width, middle / height, name, fontsize=TEXT, color=INK, va="center", parse_math=False
            )


def _text_width(text: str) -> int:
    """In pixels, at the legend's size."""
    from matplotlib.textpath import TextPath

    return round(float(TextPath((0, 0), text.replace("$", "S"), size=TEXT).get_extents().width) * DPI / 72)


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)
