"""A sheet of images with the findings drawn on them: boxes as frames, masks as tinted areas with an outline.

Axes: H and W pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.pictures.sheet import draw_sheet, filled_key, finding_colours, shadow, show_grey, tint, trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    colour = finding_colours([name for sample in samples for name, _ in [*sample.boxes, *sample.masks]])
    draw_sheet(
        [(sample.title, sample.caption) for sample in samples],
        lambda axes, number: _draw(axes, samples[number], colour),
        {name: filled_key(of) for name, of in colour.items()},
        path,
        heading=heading,
        aside=aside,
        # the heading names the data set, and there is no model
        title="",
        columns=columns,
    )


def _draw(axes: "Axes", sample: Sample, colour: Mapping[str, str]) -> None:
    from matplotlib.patches import Rectangle

    show_grey(axes, sample.image_HW)
    for name, mask_HW in sample.masks:
        tint(axes, mask_HW, colour[name])
        trace(axes, mask_HW, colour[name])
    outlined = {name for name, _ in sample.masks}
    for name, edge_4 in sample.boxes:
        left, top, right, bottom = (float(edge) for edge in edge_4)
        box = Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour[name])
        # a box around a mask says little more
        box.set_linewidth(0.7 if name in outlined else 1.4)
        if name not in outlined:
            box.set_path_effects(shadow())
        axes.add_patch(box)
