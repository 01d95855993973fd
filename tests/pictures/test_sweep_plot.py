"""The picture of a sweep, for rows and for lines."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.pictures.sweep_plot import Mark, Panel, draw_sweep


def _mark(mean: float, published: float | None = None) -> Mark:
    return Mark(mean=mean, low=mean - 0.1, high=mean + 0.1, values=(mean - 0.1, mean + 0.1), published=published)


GONE = Mark(mean=math.nan, low=math.nan, high=math.nan, values=(), published=0.4)
ROWS = Panel(
    title="zero shot: AUROC mean",
    x_label="",
    x=None,
    names=("ITA", "ITA + CTA $5_{6", "a paper"),
    series=((_mark(0.5),), (_mark(0.6, 0.7),), (GONE,)),
)
LINES = Panel(
    title="AUROC",
    x_label="fraction",
    x=(0.01, 0.1, 1.0),
    names=("random", "a paper"),
    series=((_mark(0.5), GONE, _mark(0.7, 0.6)), (GONE, GONE, GONE)),
)


@pytest.mark.parametrize(("panel", "count", "columns"), [(ROWS, 1, 1), (ROWS, 4, 2), (ROWS, 5, 3), (LINES, 2, 2)])
def test_each_figure_has_a_panel(panel: Panel, count: int, columns: int, tmp_path: Path) -> None:
    draw_sweep([panel] * count, tmp_path / "out" / "s.png", title="")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["s.png"]
    with Image.open(tmp_path / "out" / "s.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    assert pixels.std() > 3
    assert pixels.shape[1] % columns == 0
    assert pixels.shape[1] >= 640 * columns
