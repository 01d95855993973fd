"""A sweep's table as one picture: one point per row with its spread, or lines where rows or columns are numbers."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.pictures.canvas import (
    BLUE,
    INK,
    ORANGE,
    QUIET,
    RULE,
    SMALL,
    TEXT,
    bare_image,
    heading,
    new_figure,
    quiet_axes,
    save_png,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Told apart by colour-blind readers (Okabe and Ito 2008)."""
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.4)), (0, (5, 2, 1, 2)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_CHANCE = (0, (4, 3))
_PANEL = 640
_LETTERS = 34
_COLUMNS = 3
_ROW, _LINE, _TEXT_LINE = 46, 18, 24


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

    Without ``x`` each series has one mark, and ``names`` are the rows from top to bottom. ``x_names``: what stands at
    the ticks in place of the numbers. ``chance``: what guessing gives; None where it is not known.
    """

    title: str
    x_label: str
    x: tuple[float, ...] | None
    names: tuple[str, ...]
    series: tuple[tuple[Mark, ...], ...]
    x_names: tuple[str, ...] = ()
    chance: float | None = None


def draw_sweep(panels: Sequence[Panel], path: Path, *, title: str) -> None:
    """One panel beside the other, three in a row, four as a square, above a legend of every sign that is used."""
    columns = 2 if len(panels) == 4 else min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    in_rows = panels[0].x is None
    labels = {name: textwrap.fill(name, _LETTERS) for panel in panels for name in panel.names}
    tallest = max(sum(_row_height(labels[name]) for name in panel.names) for panel in panels)
    height = max(260, 150 + tallest) if in_rows else 430
    widest = max(len(line) for label in labels.values() for line in label.splitlines() or [""]) if in_rows else 0
    width = _PANEL * columns + 10 * widest
    entries = [*_series_keys(panels), *_sign_keys(panels)]
    below = _TEXT_LINE * math.ceil(len(entries) / _keys_per_line(entries, width)) + 12
    figure = new_figure(width, height * rows + below)
    axes = figure.subplots(rows, columns, squeeze=False, sharey="row" if in_rows else False).flatten()
    for number, (place, panel) in enumerate(zip(axes, panels, strict=False)):
        quiet_axes(place)
        heading(place, panel.title)
        if panel.x is None:
            _draw_rows(place, panel, [labels[name] for name in panel.names], named=number % columns == 0)
        else:
            _draw_lines(place, panel, panel.x)
    for place in axes[len(panels) :]:
        bare_image(place)
        place.set_axis_off()
    _legend(figure, entries, width)
    figure.tight_layout(pad=1.2, w_pad=2.0, h_pad=1.6, rect=(0, below / (height * rows + below), 1, 1))
    save_png(figure, path, title=title)


def _row_height(label: str) -> int:
    return _ROW + _LINE * label.count("\n")


def _draw_rows(axes: "Axes", panel: Panel, names: Sequence[str], *, named: bool) -> None:
    axes.grid(visible=False)
    axes.grid(axis="x", color=RULE, linewidth=0.6, alpha=0.7)
    for y, (mark,) in enumerate(panel.series):
        axes.axhline(y, color=RULE, linewidth=0.5, zorder=0)
        if math.isfinite(mark.mean):
            if math.isfinite(mark.low):
                axes.plot([mark.low, mark.high], [y, y], color=BLUE, linewidth=2.2, solid_capstyle="round", alpha=0.75)
            if len(mark.values) > 1:
                axes.plot(mark.values, [y] * len(mark.values), "o", color=BLUE, markersize=3, alpha=0.35)
            axes.plot([mark.mean], [y], "o", color=BLUE, markersize=6, markeredgecolor="white")
        if mark.published is not None:
            axes.plot([mark.published], [y], "D", color=ORANGE, markersize=5, markerfacecolor="white")
    if panel.chance is not None:
        axes.axvline(panel.chance, color=QUIET, linewidth=0.9, linestyle=_CHANCE, zorder=1)
    axes.set_yticks(range(len(names)), names, fontsize=TEXT, color=INK, parse_math=False)
    axes.tick_params(labelleft=named)
    axes.set_ylim(len(panel.names) - 0.4, -0.6)
    axes.set_xlabel(panel.x_label or panel.title, fontsize=SMALL, color=QUIET, parse_math=False)
    axes.margins(x=0.06)


def _draw_lines(axes: "Axes", panel: Panel, x: Sequence[float]) -> None:
    for k, marks in enumerate(panel.series):
        style = _style(k)
        there = [(place, mark) for place, mark in zip(x, marks, strict=True) if math.isfinite(mark.mean)]
        axes.plot([place for place, _ in there], [mark.mean for _, mark in there], **style)
        for place, mark in there:
            if len(mark.values) > 1:
                axes.plot(
                    [place] * len(mark.values), mark.values, "o", color=style["color"], markersize=2.5, alpha=0.35
                )
            if math.isfinite(mark.low):
                axes.plot([place, place], [mark.low, mark.high], color=style["color"], linewidth=1.2, alpha=0.6)
        for place, mark in zip(x, marks, strict=True):
            if mark.published is not None:
                axes.plot([place], [mark.published], "D", color=style["color"], markersize=6, markerfacecolor="white")
    if panel.chance is not None:
        axes.axhline(panel.chance, color=QUIET, linewidth=0.9, linestyle=_CHANCE, zorder=1)
    if min(x) > 0 and max(x) / min(x) >= 8:
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xticks(list(x), list(panel.x_names) or [f"{value:g}" for value in x])
    axes.set_xlabel(panel.x_label, fontsize=SMALL, color=QUIET, parse_math=False)
    axes.set_ylabel(panel.title, fontsize=SMALL, color=QUIET, parse_math=False)
    axes.margins(x=0.08, y=0.12)


def _style(k: int) -> dict[str, Any]:
    """Colour, dashes and marker of the k-th line; all three repeat together only after 28."""
    return {
        "color": _COLOURS[k % len(_COLOURS)],
        "linestyle": _DASHES[k // len(_COLOURS) % len(_DASHES)],
        "marker": _MARKERS[k % len(_MARKERS)],
        "markersize": 4.5,
        "linewidth": 1.6,
    }


def _series_keys(panels: Sequence[Panel]) -> list[tuple[str, dict[str, Any]]]:
    """The lines by their names; none in rows, which stand beside theirs."""
    first = panels[0]
    if first.x is None or len(first.names) < 2:
        return []
    return [(name, _style(k)) for k, name in enumerate(first.names)]


def _sign_keys(panels: Sequence[Panel]) -> list[tuple[str, dict[str, Any]]]:
    """What a point, a small point, a bar, a diamond and a dashed line are, as far as they are drawn."""
    marks = [mark for panel in panels for series in panel.series for mark in series]
    several = any(len(mark.values) > 1 for mark in marks)
    single = any(len(mark.values) == 1 and math.isfinite(mark.low) for mark in marks)
    colour = BLUE if panels[0].x is None else INK
    bar = {"color": colour, "linewidth": 2.2, "alpha": 0.75}
    keys: list[tuple[str, dict[str, Any]]] = []
    point = {"color": colour, "marker": "o", "linestyle": "none"}
    keys.append(("mean over runs" if several else "single run", {**point, "markersize": 6}))
    if several:
        keys.append(("single runs", {**point, "markersize": 3, "alpha": 0.35}))
        keys.append(("± sample standard deviation", bar))
    if single:
        keys.append(("95 % interval of a single run", bar))
    if any(mark.published is not None for mark in marks):
        keys.append(("published", {**point, "color": ORANGE, "marker": "D", "markerfacecolor": "white"}))
    if any(panel.chance is not None for panel in panels):
        keys.append(("chance", {"color": QUIET, "linewidth": 0.9, "linestyle": _CHANCE}))
    return keys


def _keys_per_line(entries: Sequence[tuple[str, Any]], width: int) -> int:
    return max(1, min(len(entries), width // (90 + 8 * max(len(name) for name, _ in entries))))


def _legend(figure: "Figure", entries: Sequence[tuple[str, dict[str, Any]]], width: int) -> None:
    from matplotlib.lines import Line2D

    legend = figure.legend(
        [Line2D([], [], **style) for _, style in entries],
        [name for name, _ in entries],
        loc="lower center",
        ncols=_keys_per_line(entries, width),
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
        handlelength=2.4,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
