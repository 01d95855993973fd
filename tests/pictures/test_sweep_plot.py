"""The picture of a sweep, for rows and for lines."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.pictures.sweep_plot import Mark, Panel, _series_keys, _sign_keys, _style, draw_sweep


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


def test_the_legend_names_every_sign_that_is_drawn_and_no_other() -> None:
    assert [name for name, _ in _sign_keys([ROWS])] == [
        *("mean over runs", "single runs", "± sample standard deviation", "published")
    ]
    alone = Mark(mean=0.5, low=0.4, high=0.6, values=(0.5,), published=None)
    one = replace(ROWS, series=((alone,),) * 3, chance=0.5)
    assert [name for name, _ in _sign_keys([one])] == ["single run", "95 % interval of a single run", "chance"]
    assert [name for name, _ in _series_keys([LINES])] == ["random", "a paper"]
    assert _series_keys([ROWS]) == []


def test_no_two_of_28_lines_look_alike() -> None:
    looks = [(style["color"], str(style["linestyle"]), style["marker"]) for style in map(_style, range(28))]
    assert len(set(looks)) == 28


def test_chance_is_a_line(tmp_path: Path) -> None:
    pixels = []
    for chance in (None, 0.5):
        path = tmp_path / f"{chance}.png"
        draw_sweep([replace(ROWS, chance=chance)], path, title="")
        with Image.open(path) as picture:
            pixels.append(np.asarray(picture.convert("L"), dtype=int))
    changed = (np.abs(pixels[0][:200] - pixels[1][:200]) > 40).any(axis=0)
    # one upright line, of a pixel or two
    assert 0 < changed.sum() < 6


def test_fourteen_rows_of_long_names_are_all_legible(tmp_path: Path) -> None:
    names = tuple(f"a rather long name of a row, with its settings lr=0.{n:03d} and more" for n in range(14))
    panel = replace(ROWS, names=names, series=((_mark(0.5),),) * 14)
    draw_sweep([panel], tmp_path / "s.png", title="")
    with Image.open(tmp_path / "s.png") as picture:
        # two lines of 40 pixels for each name
        assert picture.size[1] > 14 * 60
