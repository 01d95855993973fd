"""Small multiples: one panel a finding, all alike, with a line below that says how to read them."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from src.pictures.canvas import DPI, INK, QUIET, SMALL, TITLE, new_figure, quiet_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LARGE, _PANEL = 600, 400
_LEFT, _RIGHT, _ABOVE, _BELOW = 74, 22, 92, 70
_FOOT_LINE = 24
_FOOT_PIXELS_PER_LETTER = 7.6
_COLUMNS = 5
_LETTERS = 27
TICKS = (0.0, 0.5, 1.0)


def panel_grid(count: int, foot: str, *, below: int = 0) -> tuple["Figure", list[tuple["Axes", "Axes | None"]]]:
    """A figure of ``count`` square panels, each with a second one of ``below`` pixels under it, and the foot line.

    One panel is large; more stand in rows of at most five, evenly filled.
    """
    rows = math.ceil(count / _COLUMNS)
    columns = math.ceil(count / rows)
    side = _LARGE if count == 1 else _PANEL - _LEFT - _RIGHT
    gap = below + 14 if below else 0
    wide, high = _LEFT + side + _RIGHT, _ABOVE + side + gap + _BELOW
    width = columns * wide
    lines = textwrap.wrap(foot, int((width - 2 * _RIGHT) / _FOOT_PIXELS_PER_LETTER))
    height = rows * high + len(lines) * _FOOT_LINE + 8
    figure = new_figure(width, height)
    panels: list[tuple[Axes, Axes | None]] = []
    for number in range(count):
        left = (number % columns) * wide + _LEFT
        top = height - (number // columns) * high - _ABOVE
        upper = figure.add_axes((left / width, (top - side) / height, side / width, side / height))
        lower = None
        if below:
            bottom = top - side - gap
            lower = figure.add_axes((left / width, bottom / height, side / width, below / height))
        panels.append((upper, lower))
    figure.text(
        _RIGHT / width,
        (len(lines) * _FOOT_LINE) / height,
        "\n".join(lines),
        fontsize=SMALL,
        color=QUIET,
        va="top",
        linespacing=_FOOT_LINE / (SMALL / 72 * DPI) / 1.2,
        parse_math=False,
    )
    return figure, panels


def unit_panel(axes: "Axes", name: str, note: str, *, limit: float = 1.0) -> None:
    """Both axes from 0 to ``limit``, a faint grid, the finding's name, and below it what was measured."""
    quiet_axes(axes)
    axes.grid(axis="x", color=axes.spines["left"].get_edgecolor(), linewidth=0.6, alpha=0.7)
    # a little room, so that a curve along the frame is seen whole
    axes.set_xlim(-0.015 * limit, 1.015 * limit)
    axes.set_ylim(-0.015 * limit, 1.015 * limit)
    ticks = [limit * tick for tick in TICKS]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    name = name.replace("_", " ")
    shown = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1].rstrip()}…"
    above: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "parse_math": False}
    axes.annotate(shown, (0, 1), xytext=(0, 17), fontsize=TITLE, color=INK, fontweight="bold", **above)
    axes.annotate(note, (0, 1), xytext=(0, 6), fontsize=SMALL, color=QUIET, **above)


def name_axes(axes: "Axes", x: str, y: str) -> None:
    """Quiet names of both axes."""
    axes.set_xlabel(x, fontsize=SMALL, color=QUIET, labelpad=3)
    axes.set_ylabel(y, fontsize=SMALL, color=QUIET, labelpad=3)


def foot_line(reading: str, left_out: Sequence[str]) -> str:
    """How to read the picture, and which findings are not in it."""
    without = f" Left out, as known cases are not of both kinds: {', '.join(left_out)}." if left_out else ""
    return f"{reading}{without}"
