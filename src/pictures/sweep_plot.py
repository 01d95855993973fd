"""A sweep's table as one picture: a point a row with its spread, or lines where rows or columns are numbers."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from src.pictures.canvas import (
    BLUE,
    INK,
    ORANGE,
    QUIET,
    RED,
    RULE,
    SMALL,
    TEAL,
    TEXT,
    bare_image,
    heading,
    new_figure,
    quiet_axes,
    save_png,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (BLUE, ORANGE, TEAL, RED, INK, QUIET)
_PANEL = 640
_LETTERS = 40
_COLUMNS = 3


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A mean with the ends of its spread (NaN: none), the single ``values`` behind it, and the ``published`` figure."""

    mean: float
    low: float
    high: float
    values: tuple[float, ...]
    published: float | None


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One plot. ``series``: a list of marks for each of ``names``; ``x``: where they stand, or None for one row each.

    Without ``x`` each series has one mark, and ``names`` are the rows from top to bottom.
    """

    title: str
    x_label: str
    x: tuple[float, ...] | None
    names: tuple[str, ...]
    series: tuple[tuple[Mark, ...], ...]


def draw_sweep(panels: Sequence[Panel], path: Path, *, title: str) -> None:
    """One panel beside the other, three in a row; four make a square."""
    columns = 2 if len(panels) == 4 else min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    tallest = max(len(panel.names) for panel in panels)
    height = 430 if panels[0].x is not None else max(240, 130 + 46 * tallest)
    widest = 0 if panels[0].x is not None else min(380, 9 * max(len(name) for panel in panels for name in panel.names))
    figure = new_figure((_PANEL + widest) * columns, height * rows)
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for place, panel in zip(axes, panels, strict=False):
        quiet_axes(place)
        published = any(mark.published is not None for marks in panel.series for mark in marks)
        heading(place, panel.title, aside="◇ published" if published else "")
        if panel.x is None:
            _draw_rows(place, panel)
        else:
            _draw_lines(place, panel, panel.x)
    for place in axes[len(panels) :]:
        bare_image(place)
    figure.tight_layout(pad=1.2, w_pad=2.0, h_pad=1.6)
    save_png(figure, path, title=title)


def _draw_rows(axes: "Axes", panel: Panel) -> None:
    axes.grid(visible=False)
    axes.grid(axis="x", color=RULE, linewidth=0.6, alpha=0.7)
    for y, (mark,) in enumerate(panel.series):
        axes.axhline(y, color=RULE, linewidth=0.5, zorder=0)
        if math.isfinite(mark.mean):
            if math.isfinite(mark.low):
                axes.plot([mark.low, mark.high], [y, y], color=BLUE, linewidth=2.2, solid_capstyle="round", alpha=0.75)
            axes.plot(mark.values, [y] * len(mark.values), "o", color=BLUE, markersize=3, alpha=0.35)
            axes.plot([mark.mean], [y], "o", color=BLUE, markersize=6, markeredgecolor="white")
        if mark.published is not None:
            axes.plot([mark.published], [y], "D", color=ORANGE, markersize=5, markerfacecolor="white")
    names = [textwrap.shorten(name, _LETTERS, placeholder=" …") for name in panel.names]
    axes.set_yticks(range(len(names)), names, fontsize=TEXT, color=INK, parse_math=False)
    axes.set_ylim(len(panel.names) - 0.4, -0.6)
    axes.margins(x=0.06)


def _draw_lines(axes: "Axes", panel: Panel, x: Sequence[float]) -> None:
    for k, (name, marks) in enumerate(zip(panel.names, panel.series, strict=True)):
        colour = _COLOURS[k % len(_COLOURS)]
        dash = "-" if k < len(_COLOURS) else (0, (4, 2))
        there = [(place, mark) for place, mark in zip(x, marks, strict=True) if math.isfinite(mark.mean)]
        axes.plot(
            [place for place, _ in there],
            [mark.mean for _, mark in there],
            marker="o",
            markersize=4.5,
            linewidth=1.6,
            linestyle=dash,
            color=colour,
            label=name,
        )
        for place, mark in there:
            axes.plot([place] * len(mark.values), mark.values, "o", color=colour, markersize=2.5, alpha=0.35)
            if math.isfinite(mark.low):
                axes.plot([place, place], [mark.low, mark.high], color=colour, linewidth=1.2, alpha=0.6)
        for place, mark in zip(x, marks, strict=True):
            if mark.published is not None:
                axes.plot([place], [mark.published], "D", color=colour, markersize=5, markerfacecolor="white")
    if min(x) > 0 and max(x) / min(x) >= 8:
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xticks(list(x), [f"{value:g}" for value in x])
    axes.set_xlabel(panel.x_label, fontsize=SMALL, color=QUIET)
    axes.margins(x=0.08, y=0.12)
    if len(panel.names) > 1:
        legend = axes.legend(frameon=False, fontsize=SMALL, labelcolor=QUIET, handlelength=1.8)
        for text in legend.get_texts():
            text.set_parse_math(False)
