"""The one style of all pictures: sizes in pixels, a few colours, quiet axes, and a PNG that is whole or not there."""

import textwrap
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.core.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, QUIET, RULE, PAPER = "#1c2530", "#66717e", "#d9dee4", "#ffffff"
BLUE, ORANGE, TEAL, RED = "#2f6db3", "#d9822b", "#2a9d8f", "#c8434b"
DPI = 150
TITLE, TEXT, SMALL = 10.0, 8.0, 7.0
"""Font sizes in points."""
_MARGIN, _LINE, _LETTER = 20, 24, 9


def new_figure(width: int, height: int) -> "Figure":
    """An empty figure of ``width`` x ``height`` pixels with its own canvas, outside pyplot's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def save_png(figure: "Figure", path: Path, *, title: str) -> None:
    """Write the figure at its own size, below a strip with ``title``: the cases and the model that it shows.

    No strip where ``title`` is empty.
    """
    from PIL import Image

    parts = [_title_strip(title, round(figure.get_figwidth() * DPI)), figure] if title else [figure]
    with replacing(path) as draft, warnings.catch_warnings():
        # captions in scripts that the font lacks are drawn as boxes; a warning for each letter helps nobody
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        pixels_HW4 = np.concatenate([_drawn(part) for part in parts])
        Image.fromarray(pixels_HW4[..., :3]).save(draft, format="png")


def shorten_middle(text: str, letters: int) -> str:
    """Text of at most ``letters`` letters; a longer one loses its middle, as the end of a file's name says most."""
    if len(text) <= letters:
        return text
    end = (letters - 1) * 2 // 3
    return f"{text[: letters - 1 - end].rstrip()}…{text[-end:].lstrip()}"


def _title_strip(title: str, width: int) -> "Figure":
    lines = textwrap.wrap(title, max(20, (width - 2 * _MARGIN) // _LETTER))
    height = _LINE * len(lines) + _MARGIN
    strip = new_figure(width, height)
    style: dict[str, Any] = {"fontsize": TEXT, "color": INK, "va": "top", "parse_math": False}
    for number, text in enumerate(lines):
        strip.text(_MARGIN / width, 1 - (_MARGIN / 2 + number * _LINE) / height, text, **style)
    return strip


def _drawn(figure: "Figure") -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    assert isinstance(figure.canvas, FigureCanvasAgg)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())


def quiet_axes(axes: "Axes", *, grid: bool = True) -> None:
    """Only a left and a bottom rule, small labels, and a faint grid for reading values."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(RULE)
    axes.tick_params(colors=QUIET, labelsize=SMALL, length=0, pad=4)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis="y", color=RULE, linewidth=0.6, alpha=0.7)


def heading(axes: "Axes", text: str, *, aside: str = "") -> None:
    """A title at the left, and beside it, at the right and quieter, what to know for reading the picture."""
    axes.set_title(text, loc="left", fontsize=TITLE, color=INK, fontweight="bold", pad=8, parse_math=False)
    if aside:
        axes.set_title(aside, loc="right", fontsize=SMALL, color=QUIET, pad=8, parse_math=False)


def bare_image(axes: "Axes") -> None:
    """No ticks and no frame, for axes that hold an image."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
