"""Phrases with the region that they name and the heat that a model gives them.

Axes: P patches (row by row), H and W pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.pictures.canvas import INK, QUIET, SMALL, TEXT, TITLE, bare_image, new_figure, save_png, shorten_middle
from src.pictures.heatmap import overlay
from src.pictures.samples import wrap_caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CELL, _GAP, _TOP = 380, 24, 84
_TITLE_HEIGHT, _LINE, _LINES, _LETTERS = 26, 19, 3, 36
_REGION = "#7fe7ff"


@dataclass(frozen=True, kw_only=True)
class GroundedPhrase:
    """One cell of the picture.

    ``image_HW``: grey uint8. ``title``, ``name`` and ``aside``: above the phrase, e.g. its category, what the image is
    called, and how well the region was found.
    ``region_HW``: bool, the pixels that the phrase names. ``heat_P``: of each patch of ``grid`` (rows, columns);
    ``shares``: it is a share of the phrase's attention, summing to 1, and else a cosine.
    """

    image_HW: np.ndarray
    text: str
    title: str
    name: str
    aside: str
    region_HW: np.ndarray
    heat_P: np.ndarray
    grid: tuple[int, int]
    shares: bool


def draw_grounding(phrases: Sequence[GroundedPhrase], path: Path, *, title: str, columns: int = 4) -> None:
    """A grid of ``phrases``: the image, its heat in colour, the named region's outline, a cross at the hottest pixel.

    Attention is coloured as in ``draw_word_maps``: only what is above an even share, and pale where nothing is far
    above it. Cosines are coloured above their mean over the image, at full strength at their own maximum.
    """
    columns = max(1, min(columns, len(phrases)))
    rows = math.ceil(len(phrases) / columns)
    step = _CELL + _TITLE_HEIGHT + _LINE * (_LINES + 1) + _GAP
    width, height = max(columns, 2) * (_CELL + _GAP) + _GAP, _TOP + rows * step
    figure = new_figure(width, height)
    place: dict[str, Any] = {"ha": "left", "va": "top", "parse_math": False}
    head = (height - 18) / height, (height - 50) / height
    figure.text(
        _GAP / width, head[0], "Phrases and where they look", fontsize=TITLE + 3, color=INK, fontweight="bold", **place
    )
    aside = "outlined: the region that the phrase names; cross: the hottest patch; pointing 1: the cross lies inside"
    figure.text(_GAP / width, head[1], aside, fontsize=TEXT, color=QUIET, **place)
    for number, phrase in enumerate(phrases):
        left = (_GAP + (number % columns) * (_CELL + _GAP)) / width
        above = height - _TOP - (number // columns) * step
        size = (_CELL / width, _CELL / height)
        _draw(figure.add_axes((left, (above - _CELL) / height, *size), facecolor="black"), phrase)
        below = above - _CELL - 8
        title_of = f"{phrase.title}, {shorten_middle(phrase.name, max(8, _LETTERS - 2 - len(phrase.title)))}"
        figure.text(left, below / height, title_of, fontsize=TEXT, color=INK, fontweight="bold", **place)
        below -= _TITLE_HEIGHT
        figure.text(left, below / height, phrase.aside, fontsize=SMALL, color=QUIET, **place)
        text = wrap_caption(phrase.text, _LINES)
        figure.text(left, (below - _LINE) / height, text, fontsize=SMALL, color=INK, linespacing=1.25, **place)
    save_png(figure, path, title=title)


def shown_shares(heat_P: np.ndarray, *, shares: bool) -> np.ndarray:
    """Heat as ``overlay`` wants it: shares of attention as they are, cosines as shares of what is above their mean."""
    heat_P = np.asarray(heat_P, dtype=np.float64)
    if shares:
        return heat_P
    above_P = np.clip(heat_P - heat_P.mean(), 0, None)
    total = above_P.sum()
    return above_P / total if total > 0 else np.full_like(heat_P, 1 / len(heat_P))


def _draw(axes: "Axes", phrase: GroundedPhrase) -> None:
    from matplotlib.patheffects import Normal, Stroke

    bare_image(axes)
    height, width = phrase.image_HW.shape
    frame: dict[str, Any] = {"extent": (0, width, height, 0)}
    axes.imshow(phrase.image_HW, cmap="gray", vmin=0, vmax=255, interpolation="lanczos", **frame)
    layer_HW4 = overlay(shown_shares(phrase.heat_P, shares=phrase.shares), phrase.grid, (height, width))
    axes.imshow(layer_HW4, interpolation="bilinear", **frame)
    shadow = [Stroke(linewidth=2.4, foreground="black", alpha=0.6), Normal()]
    # a rim of zeros closes outlines that run along the edge
    rim_HW = np.pad(phrase.region_HW.astype(float), 1)
    x, y = np.arange(width + 2) - 0.5, np.arange(height + 2) - 0.5
    lines = axes.contour(x, y, rim_HW, levels=[0.5], colors=[_REGION], linewidths=1.1)
    lines.set_path_effects(shadow)
    row, column = np.unravel_index(int(np.argmax(phrase.heat_P)), phrase.grid)
    middle = ((column + 0.5) * width / phrase.grid[1], (row + 0.5) * height / phrase.grid[0])
    axes.plot(*middle, marker="+", markersize=8, markeredgewidth=1.4, color="white", path_effects=shadow)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
