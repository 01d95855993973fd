"""Where in an image the findings of a report look: those stated in orange, those denied in blue.

Axes: T words, P patches (row by row), H and W pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.pictures.canvas import INK, QUIET, SMALL, TEXT, bare_image, new_figure, save_png, shorten_middle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL = 360
_GAP = 20
_ABOVE = 56
_LETTERS = 30
_LABEL_HEIGHT, _LABEL_LETTER = 20, 8.6
_LEGEND, _SMALL_LETTER = 28, 7.4
_DENIED = ("#0a2a6b", "#0a3a8c", "#1f7ae0", "#7fd4ff")
"""From dark to bright; orange and blue are told apart by colour-blind readers."""
_STRONG = 4.0
_OPACITY = 0.72


@dataclass(frozen=True)
class WordMap:
    """One study's row of the picture.

    ``image_HW``: grey uint8, as the model saw it. ``title``: what the image is called. ``words``: T findings, each by
    the words that name it. ``negated``: whether the report denies it. ``weight_TP``: the mean of the words' softmax
    over the patches. ``grid``: rows and columns of the patches. ``boxes``: a label with x0, y0, x1, y1 in pixels.
    """

    image_HW: np.ndarray
    title: str
    words: Sequence[str]
    negated: Sequence[bool]
    weight_TP: np.ndarray
    grid: tuple[int, int]
    boxes: Sequence[tuple[str, Sequence[float]]] = ()


def draw_word_maps(studies: Sequence[WordMap], path: Path, *, title: str) -> None:
    """One row per study: the image with its true boxes, then one heat map per finding.

    Colour begins where a patch gets more than an even share of the word's attention and is full at the word's peak,
    or at four times an even share where the peak is lower: a word that looks nowhere in particular stays pale. The
    peak stands above each map.
    """
    columns = max(2, 1 + max(len(study.words) for study in studies))
    width = columns * (_CELL + _GAP) + _GAP
    row_height = _CELL + _ABOVE + _GAP
    height = len(studies) * row_height + _GAP + _LEGEND
    figure = new_figure(width, height)
    _legend(figure, width, height)
    for row, study in enumerate(studies):
        bottom = height - _LEGEND - (row + 1) * row_height
        for column in range(1 + len(study.words)):
            left = _GAP + column * (_CELL + _GAP)
            axes = figure.add_axes((left / width, bottom / height, _CELL / width, _CELL / height), facecolor="black")
            bare_image(axes)
            axes.imshow(study.image_HW, cmap="gray", vmin=0, vmax=255, interpolation="lanczos")
            if column == 0:
                _draw_boxes(axes, study, named=True)
                _label(axes, study.title, "dashed: its true findings" if study.boxes else "")
            else:
                _draw_word(axes, study, column - 1)
    save_png(figure, path, title=title)


def overlay(weight_P: np.ndarray, grid: tuple[int, int], shape: tuple[int, int], *, denied: bool = False) -> np.ndarray:
    """The heat of one word as an RGBA layer (H, W, 4) over an image of ``shape``, floats between 0 and 1.

    ``denied``: in blue in place of orange.
    """
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    share_P = weight_P * len(weight_P)
    heat_P = np.clip((share_P - 1) / (max(float(share_P.max()), _STRONG) - 1), 0, 1)
    heat_HW = _upsample(heat_P.reshape(grid), shape)
    # the map's dark end would look like shadow on the image
    colours = LinearSegmentedColormap.from_list("denied", _DENIED) if denied else colormaps["inferno"]
    layer_HW4 = colours(0.4 + 0.55 * heat_HW)
    layer_HW4[..., 3] = np.minimum(1.5 * heat_HW, _OPACITY)
    return layer_HW4


def _upsample(heat_RC: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    import torch

    heat_11RC = torch.from_numpy(np.ascontiguousarray(heat_RC, dtype=np.float32))[None, None]
    # bilinear, as bicubic would ring: heat where there is no weight
    return torch.nn.functional.interpolate(heat_11RC, size=shape, mode="bilinear", align_corners=False)[0, 0].numpy()


def _draw_word(axes: "Axes", study: WordMap, number: int) -> None:
    weight_P = np.asarray(study.weight_TP[number], dtype=np.float64)
    height, width = study.image_HW.shape
    negated = study.negated[number]
    layer_HW4 = overlay(weight_P, study.grid, (height, width), denied=negated)
    axes.imshow(layer_HW4, interpolation="bilinear")
    _draw_boxes(axes, study, named=False)
    aside = f"peak {weight_P.max() * len(weight_P):.1f} × an even share"
    _label(axes, f"negated: {study.words[number]}" if negated else study.words[number], aside, quiet=negated)


def _draw_boxes(axes: "Axes", study: WordMap, *, named: bool) -> None:
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import AbstractPathEffect, withStroke

    outline: list[AbstractPathEffect] = [withStroke(linewidth=2.2, foreground="black", alpha=0.6)]
    style: dict[str, Any] = {"linewidth": 0.9 if named else 0.6, "alpha": 1.0 if named else 0.7, "fill": False}
    for _, (x0, y0, x1, y1) in study.boxes:
        frame = Rectangle((x0, y0), x1 - x0, y1 - y0, edgecolor="white", linestyle=(0, (4, 3)), **style)
        if named:
            frame.set_path_effects(outline)
        axes.add_patch(frame)
    if named:
        pixel = study.image_HW.shape[0] / _CELL
        for (label, _), (x, y) in zip(study.boxes, place_labels(study.boxes, pixel), strict=True):
            text = axes.text(x, y, label, fontsize=SMALL, color="white", va="top", clip_on=True, parse_math=False)
            text.set_path_effects(outline)


def place_labels(boxes: Sequence[tuple[str, Sequence[float]]], pixel: float) -> list[tuple[float, float]]:
    """Where each box's label begins (left, top): above its box, else below or inside, where no other label stands.

    ``pixel``: how many pixels of the image one of the picture covers.
    """
    height, letter = _LABEL_HEIGHT * pixel, _LABEL_LETTER * pixel
    placed: list[tuple[float, float, float]] = []
    for label, (x0, y0, _, y1) in boxes:
        width = letter * len(label)
        spots = [top for top in (y0 - height, y1, y0, y0 - 2 * height, y1 + height) if top >= 0]
        free = [top for top in spots if not any(_meet((x0, top, width), other, height) for other in placed)]
        placed.append((x0, (free or spots)[0], width))
    return [(x, top) for x, top, _ in placed]


def _meet(one: tuple[float, float, float], other: tuple[float, float, float], height: float) -> bool:
    (x, top, width), (other_x, other_top, other_width) = one, other
    return abs(top - other_top) < height and x < other_x + other_width and other_x < x + width


def _legend(figure: "Figure", width: int, height: int) -> None:
    """One line above all rows, which says what the colours are."""
    parts = [
        (f"orange: where a finding that the report states looks{' ' * 4}", "#b5500c"),
        (f"blue: one that it denies{' ' * 4}", "#1f5fa8"),
        ("pale: nowhere in particular", QUIET),
    ]
    left = _GAP
    for text, colour in parts:
        place = left / width, (height - _LEGEND / 2) / height
        figure.text(*place, text.rstrip(), fontsize=SMALL, color=colour, va="center", parse_math=False)
        left += round(_SMALL_LETTER * len(text))


def _label(axes: "Axes", word: str, aside: str, *, quiet: bool = False) -> None:
    word = shorten_middle(word, _LETTERS)
    place: dict[str, Any] = {"transform": axes.transAxes, "ha": "left", "va": "bottom", "parse_math": False}
    style: dict[str, Any] = {"color": "#1f5fa8", "fontstyle": "italic"} if quiet else {"color": INK}
    axes.text(0, 1 + 24 / _CELL, word, fontsize=TEXT, fontweight="bold", **style, **place)
    axes.text(0, 1 + 5 / _CELL, aside, fontsize=SMALL, color=QUIET, **place)
