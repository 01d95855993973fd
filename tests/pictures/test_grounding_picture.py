"""The picture of grounded phrases."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.pictures.grounding import GroundedPhrase, draw_grounding, shown_shares


def _phrase(heat_P: np.ndarray, *, shares: bool = True) -> GroundedPhrase:
    region_HW = np.zeros((48, 64), dtype=bool)
    region_HW[10:30, 0:20] = True
    return GroundedPhrase(
        image_HW=np.full((48, 64), 90, dtype=np.uint8),
        text="costs $5_{6 and $7 " * 20,
        title="lung a$b_{",
        name="folder/a$b_{.png",
        aside="points 1.0",
        region_HW=region_HW,
        heat_P=heat_P,
        grid=(3, 4),
        shares=shares,
    )


@pytest.mark.parametrize(("count", "columns"), [(1, 2), (3, 3), (5, 4)])
def test_one_whole_png(tmp_path: Path, count: int, columns: int) -> None:
    heat_P = np.random.default_rng(0).dirichlet(np.ones(12))
    draw_grounding([_phrase(heat_P)] * count, tmp_path / "g.png", title="")
    assert [path.name for path in tmp_path.iterdir()] == ["g.png"]
    with Image.open(tmp_path / "g.png") as picture:
        assert picture.size[0] == columns * 404 + 24


def test_colour_is_where_the_heat_is(tmp_path: Path) -> None:
    """Grey images have no colour of their own: the hottest patch is the reddest, whatever heat it is."""
    for shares in (True, False):
        heat_P = np.full(12, 0.0)
        heat_P[3] = 0.9
        draw_grounding([_phrase(heat_P, shares=shares)], tmp_path / "g.png", title="")
        with Image.open(tmp_path / "g.png") as picture:
            pixels = np.asarray(picture.convert("RGB")).astype(int)
        cell = pixels[84 : 84 + 380, 24 : 24 + 380]
        red = cell[..., 0] - cell[..., 2]
        row, column = np.argwhere(red > 60).mean(axis=0)
        # the top right patch of an image that is wider than it is high, in the middle of its cell
        assert row < 190
        assert column > 285


def test_cosines_are_shown_above_their_mean() -> None:
    assert shown_shares(np.array([0.1, 0.2, 0.6]), shares=True).tolist() == [0.1, 0.2, 0.6]
    np.testing.assert_allclose(shown_shares(np.array([-0.2, -0.4, 0.3, 0.7]), shares=False), [0, 0, 1 / 4, 3 / 4])
    assert shown_shares(np.full(4, -0.3), shares=False).tolist() == [0.25] * 4
