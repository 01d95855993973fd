"""A sheet of held-out images with what truly is there and what a model found drawn over each other.

What was found is solid and tinted in its finding's colour, a box with its score; the truth is dashed in white, over a
thin line in its finding's colour where there are several findings; regions that count in nothing are striped grey.

Axes: H and W pixels.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.pictures.canvas import SMALL
from src.pictures.sheet import Key, draw_sheet, filled_key, finding_colours, shadow, show_grey, tint, trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TRUTH, _DARK = "#ffffff", "#10151b"
_DASHES = (0, (4, 3))
_STRIPES = 36
_BOX_TINT, _MASK_TINT = 0.12, 0.34
# of the picture's side: a score's letters at their size
_LETTER, _LINE = 0.021, 0.042

Rectangle4 = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """A grey uint8 image, what is there and what was found, all in its pixels.

    Boxes: finding and left, top, right, bottom, found ones with their score. Masks: finding and bool (H, W).
    ``ignored_HW``: bool, the pixels of regions that count in nothing; None where there are none.
    """

    image_HW: np.ndarray
    title: str
    caption: str
    true_boxes: Sequence[tuple[str, np.ndarray]]
    found_boxes: Sequence[tuple[str, np.ndarray, float]]
    true_masks: Sequence[tuple[str, np.ndarray]]
    found_masks: Sequence[tuple[str, np.ndarray]]
    ignored_HW: np.ndarray | None


def draw_overlays(
    overlays: Sequence[Overlay],
    names: Sequence[str],
    path: Path,
    *,
    heading: str,
    aside: str,
    title: str,
    found: Mapping[str, str] | None = None,
    columns: int = 4,
) -> None:
    """A grid of ``overlays`` under a heading and a legend. ``names``: all findings, in the order of their colours.

    ``found``: what the legend says of each finding's colour; None: that it was found.
    """
    colour = finding_colours(names)
    draw_sheet(
        [(overlay.title, overlay.caption) for overlay in overlays],
        lambda axes, number: _draw(axes, overlays[number], colour),
        _legend(overlays, colour, found or {name: f"{name}, found" for name in names}),
        path,
        heading=heading,
        aside=aside,
        title=title,
        columns=columns,
    )


def ignored_pixels(boxes: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """Boxes that count in nothing as ``Overlay.ignored_HW``."""
    ignored_HW = np.zeros((height, width), dtype=bool)
    for box in boxes:
        left, top, right, bottom = (max(0, round(float(edge))) for edge in box)
        ignored_HW[top:bottom, left:right] = True
    return ignored_HW


def _legend(overlays: Sequence[Overlay], colour: Mapping[str, str], found: Mapping[str, str]) -> dict[str, Key]:
    drawn = {name for one in overlays for name, _ in [*one.true_boxes, *one.true_masks, *one.found_masks]}
    drawn |= {name for one in overlays for name, *_ in one.found_boxes}
    dashed = {"fill": False, "edgecolor": _TRUTH, "linewidth": 1.0, "linestyle": (0, (1.7, 1.1))}
    there: Key = [{"facecolor": _DARK, "edgecolor": "none"}, dashed]
    legend = {found[name].replace("_", " "): filled_key(of) for name, of in colour.items() if name in drawn}
    legend["truly there"] = there
    if any(one.ignored_HW is not None and one.ignored_HW.any() for one in overlays):
        striped = {"facecolor": "#8b949e", "edgecolor": "#e8ebee", "hatch": "/////", "linewidth": 0.0}
        legend["counts in nothing"] = [striped]
    return legend


def _draw(axes: "Axes", overlay: Overlay, colour: Mapping[str, str]) -> None:
    from matplotlib.patches import Rectangle

    show_grey(axes, overlay.image_HW)
    if overlay.ignored_HW is not None:
        _stripe(axes, overlay.ignored_HW)
    for name, mask_HW in overlay.found_masks:
        tint(axes, mask_HW, colour[name], strength=_MASK_TINT)
        trace(axes, mask_HW, colour[name])
    for name, box, _ in overlay.found_boxes:
        corner, width, height = _corner_and_sides(box)
        axes.add_patch(Rectangle(corner, width, height, facecolor=colour[name], alpha=_BOX_TINT, edgecolor="none"))
        frame: dict[str, Any] = {"fill": False, "edgecolor": colour[name], "linewidth": 1.4}
        axes.add_patch(Rectangle(corner, width, height, path_effects=shadow(), **frame))
    several = len(colour) > 1
    for name, mask_HW in overlay.true_masks:
        if several:
            trace(axes, mask_HW, colour[name])
        trace(axes, mask_HW, _TRUTH, shaded=not several, dashes=_DASHES)
    for name, box in overlay.true_boxes:
        corner, width, height = _corner_and_sides(box)
        under: dict[str, Any] = {"fill": False, "edgecolor": colour[name] if several else "black", "linewidth": 1.0}
        axes.add_patch(Rectangle(corner, width, height, path_effects=shadow(), **under))
        axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=_TRUTH, linewidth=1.2, linestyle=_DASHES))
    _write_scores(axes, overlay, colour)


def _corner_and_sides(box: np.ndarray) -> tuple[tuple[float, float], float, float]:
    left, top, right, bottom = (float(edge) for edge in box)
    return (left, top), right - left, bottom - top


def _stripe(axes: "Axes", ignored_HW: np.ndarray) -> None:
    height, width = ignored_HW.shape
    period = max(2.0, max(height, width) / _STRIPES)
    y_H1, x_1W = np.arange(height)[:, None], np.arange(width)[None]
    light_HW = (x_1W + y_H1) % period < period / 2
    tint(axes, ignored_HW & light_HW, "#e8ebee", strength=0.55)
    tint(axes, ignored_HW & ~light_HW, "#59636e", strength=0.55)


def _write_scores(axes: "Axes", overlay: Overlay, colour: Mapping[str, str]) -> None:
    """Each score at its box, where it lies inside the picture and, where there is room, upon no other."""
    height, width = overlay.image_HW.shape
    side = max(height, width)
    taken: list[Rectangle4] = []
    for name, box, score in overlay.found_boxes:
        text = f"{score:.2f}"
        size = (_LETTER * len(text) + 0.012) * side, _LINE * side
        places = list(_places(tuple(float(edge) for edge in box), size, (height, width)))
        place = next((one for one in places if not any(_meet(one, other) for other in taken)), places[0])
        taken.append(place)
        axes.text(
            (place[0] + place[2]) / 2,
            (place[1] + place[3]) / 2,
            text,
            fontsize=SMALL - 1,
            color=_DARK,
            ha="center",
            va="center",
            bbox={"boxstyle": "square,pad=0.12", "facecolor": colour[name], "edgecolor": "none", "alpha": 0.9},
        )


def _places(box: tuple[float, ...], size: tuple[float, float], image: tuple[int, int]) -> Iterator[Rectangle4]:
    """Where a label may stand: at the upper, then the lower edge of its box, without, then within, left to right."""
    left, top, right, bottom = box
    wide, high = size
    side = max(image)
    # the picture is the middle of a square
    ends_x = (image[1] - side) / 2, (image[1] + side) / 2 - wide
    ends_y = (image[0] - side) / 2, (image[0] + side) / 2 - high
    for y in (top - high, bottom, top, bottom - high):
        for x in (left, right - wide, (left + right - wide) / 2):
            x_in, y_in = min(max(x, ends_x[0]), ends_x[1]), min(max(y, ends_y[0]), ends_y[1])
            yield x_in, y_in, x_in + wide, y_in + high


def _meet(one: Rectangle4, other: Rectangle4) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
