"""A sheet of images with the findings drawn on them: boxes as frames, masks as tinted areas with an outline.

Axes: H and W pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.pictures.canvas import DPI, INK, QUIET, SMALL, TEXT, TITLE, bare_image, new_figure, save_png
from src.pictures.samples import wrap_caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#ffb000", "#3ec1d3", "#ff5d73", "#9be15d", "#b48cff", "#ff8c42", "#5aa9ff", "#f26df9", "#00c49a", "#f4e04d")
"""Bright on grey; a finding's colour is given by its place in the legend, and the eleventh has the first's again."""
_CELL, _GAP, _TOP = 380, 24, 96
_LINE, _TEXT_LINES, _TITLE_HEIGHT = 19, 2, 26
_TINT = 0.28
_KEY = 22


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A grey uint8 image with what is known of it.

    ``boxes``: finding and left, top, right, bottom in its pixels. ``masks``: finding and bool (H, W).
    """

    image_HW: np.ndarray
    title: str
    caption: str
    boxes: Sequence[tuple[str, np.ndarray]]
    masks: Sequence[tuple[str, np.ndarray]]


def draw_annotated(samples: Sequence[Sample], path: Path, *, heading: str, aside: str, columns: int = 4) -> None:
    """A grid of ``samples`` under a heading and a legend of the findings that are drawn on them."""
    columns = max(1, min(columns, len(samples)))
    rows = math.ceil(len(samples) / columns)
    step = _CELL + _TITLE_HEIGHT + _LINE * _TEXT_LINES + _GAP
    names = list(dict.fromkeys(name for sample in samples for name, _ in [*sample.boxes, *sample.masks]))
    colour = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
    width = max(columns, 2) * (_CELL + _GAP) + _GAP
    legend = _legend_rows(names, width)
    top = _TOP + _KEY * len(legend) - (0 if legend else 12)
    height = top + rows * step
    figure = new_figure(width, height)
    _heading(figure, heading, aside, width, height)
    _legend(figure, legend, colour, width, height)
    for number, sample in enumerate(samples):
        left = _GAP + (number % columns) * (_CELL + _GAP)
        above = height - top - (number // columns) * step
        axes = figure.add_axes(
            (left / width, (above - _CELL) / height, _CELL / width, _CELL / height), facecolor="#10151b"
        )
        _draw(axes, sample, colour)
        place: dict[str, Any] = {"ha": "left", "va": "top", "parse_math": False}
        below = above - _CELL - 8
        figure.text(left / width, below / height, sample.title, fontsize=TEXT, color=INK, fontweight="bold", **place)
        text = wrap_caption(sample.caption, _TEXT_LINES)
        figure.text(
            left / width, (below - _TITLE_HEIGHT) / height, text, fontsize=SMALL, color=QUIET, linespacing=1.25, **place
        )
    save_png(figure, path)


def _draw(axes: "Axes", sample: Sample, colour: dict[str, str]) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import Normal, Stroke

    bare_image(axes)
    height, width = sample.image_HW.shape
    # the image keeps its shape in the middle of a square, whichever side is longer
    side = max(height, width)
    frame: dict[str, Any] = {"extent": (0, width, height, 0), "interpolation": "lanczos"}
    axes.imshow(sample.image_HW, cmap="gray", vmin=0, vmax=255, **frame)
    shadow = [Stroke(linewidth=2.6, foreground="black", alpha=0.55), Normal()]
    for name, mask_HW in sample.masks:
        tint_HW4 = np.zeros((height, width, 4))
        tint_HW4[..., :3] = to_rgb(colour[name])
        tint_HW4[..., 3] = _TINT * mask_HW
        axes.imshow(tint_HW4, extent=frame["extent"], interpolation="nearest")
        if mask_HW.any():
            # a rim of zeros closes outlines that run along the edge
            rim_HW = np.pad(mask_HW.astype(float), 1)
            x, y = np.arange(width + 2) - 0.5, np.arange(height + 2) - 0.5
            lines = axes.contour(x, y, rim_HW, levels=[0.5], colors=[colour[name]], linewidths=1.1)
            lines.set_path_effects(shadow)
    outlined = {name for name, _ in sample.masks}
    for name, edge_4 in sample.boxes:
        left, top, right, bottom = (float(edge) for edge in edge_4)
        box = Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour[name])
        # a box around a mask says little more
        box.set_linewidth(0.7 if name in outlined else 1.4)
        if name not in outlined:
            box.set_path_effects(shadow)
        axes.add_patch(box)
    axes.set_xlim((width - side) / 2, (width + side) / 2)
    axes.set_ylim((height + side) / 2, (height - side) / 2)


def _heading(figure: "Figure", heading: str, aside: str, width: int, height: int) -> None:
    place: dict[str, Any] = {"ha": "left", "va": "top", "parse_math": False}
    left, top = _GAP / width, (height - 22) / height
    figure.text(left, top, heading, fontsize=TITLE + 3, color=INK, fontweight="bold", **place)
    figure.text(left, (height - 56) / height, aside, fontsize=TEXT, color=QUIET, **place)


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
    figure: "Figure", rows: Sequence[Sequence[tuple[int, str]]], colour: dict[str, str], width: int, height: int
) -> None:
    from matplotlib.patches import Rectangle

    for number, row in enumerate(rows):
        middle = height - _TOP - 2 - number * _KEY
        for left, name in row:
            key = Rectangle(
                (left / width, (middle - 7) / height),
                14 / width,
                14 / height,
                facecolor=(*_rgb(colour[name]), 0.45),
                edgecolor=colour[name],
                linewidth=1.2,
                transform=figure.transFigure,
            )
            figure.add_artist(key)
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
