"""Map chance and ceiling against every cell in turn, and priors by hand.

Axes: Q phrases, P cells, R and S rows and columns of the grid, H and W pixels.
"""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.evaluation.attention_map import upsampled
from src.evaluation.grounding import MAP_MEASURES, map_measures, pointing_game
from src.evaluation.grounding_references import MeanRegions, cell_scores, map_ceiling, map_chance

# rows and columns of the grid, height and width of the image: even, odd and broken numbers of pixels a cell
SHAPES = [
    ((6, 6), (96, 96)),
    ((4, 3), (20, 21)),
    ((5, 7), (37, 50)),
    ((2, 3), (2, 3)),
    ((1, 2), (5, 9)),
    ((3, 3), (4, 4)),
]


def _regions(seed: int, shape: tuple[int, int], count: int = 5) -> torch.Tensor:
    """Rectangles, some of a single pixel."""
    draw = np.random.default_rng(seed)
    region = np.zeros((count, *shape), dtype=bool)
    for one in region:
        (top, left), (high, wide) = draw.integers(0, shape), draw.integers(1, np.array(shape) // 2 + 1)
        one[top : top + high, left : left + wide] = True
    return torch.from_numpy(region)


def _one_cell_maps(grid: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """The map of each cell alone at the image's pixels, float64 (P, H, W), from the definition of the interpolation."""

    def line(cells: int, pixels: int) -> np.ndarray:
        place = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
        return np.maximum(0, 1 - np.abs(place[None] - np.arange(cells)[:, None]))

    rows, columns = line(grid[0], shape[0]), line(grid[1], shape[1])
    return np.einsum("rh,sw->rshw", rows, columns).reshape(-1, *shape)


def _shares(maps: np.ndarray, region: np.ndarray) -> np.ndarray:
    """For each map the share of its largest pixels that lie in the region."""
    peaks = maps >= maps.max(axis=(1, 2), keepdims=True) - 1e-9
    return (peaks & region).sum(axis=(1, 2)) / peaks.sum(axis=(1, 2))


@pytest.mark.parametrize(("grid", "shape"), SHAPES)
def test_chance_is_the_mean_over_every_cell_by_brute_force(grid: tuple[int, int], shape: tuple[int, int]) -> None:
    maps = _one_cell_maps(grid, shape)
    one_hot = torch.eye(grid[0] * grid[1], dtype=torch.float64)
    np.testing.assert_allclose(upsampled(one_hot, grid, shape).numpy(), maps, atol=1e-12)
    region_QHW = _regions(1, shape)
    score_QRS = cell_scores(region_QHW, grid)
    wanted = np.stack([_shares(maps, region) for region in region_QHW.numpy()])
    np.testing.assert_allclose(score_QRS.flatten(1).numpy(), wanted, atol=1e-12)
    np.testing.assert_allclose(map_chance(score_QRS).numpy(), wanted.mean(axis=1), atol=1e-12)


@pytest.mark.parametrize(("grid", "shape"), SHAPES)
def test_uniform_heat_scores_map_chance(grid: tuple[int, int], shape: tuple[int, int]) -> None:
    region_QHW = _regions(2, shape)
    uniform_QP = torch.full((len(region_QHW), grid[0] * grid[1]), 1 / 7)
    values = dict(zip(MAP_MEASURES, map_measures(uniform_QP, grid, region_QHW, stretch=True).T, strict=True))
    np.testing.assert_allclose(values["pointing_game"].numpy(), values["chance_pointing_game"].numpy(), atol=1e-12)


def test_map_chance_is_not_the_regions_share_of_the_image() -> None:
    """A 2 x 2 region at the corner of four cells: no cell's peak lies in it, whatever its share of the image is."""
    region_1HW = torch.zeros(1, 96, 96, dtype=torch.bool)
    region_1HW[0, 15:17, 15:17] = True
    assert map_chance(cell_scores(region_1HW, (6, 6))).tolist() == [0]
    assert map_ceiling(region_1HW, (6, 6)).tolist() == [0]
    # a cell's centre: one of 36 cells points there
    region_1HW = torch.zeros(1, 96, 96, dtype=torch.bool)
    region_1HW[0, 22:26, 38:42] = True
    assert map_chance(cell_scores(region_1HW, (6, 6))).tolist() == pytest.approx([1 / 36])


@pytest.mark.parametrize(("grid", "shape"), SHAPES)
def test_a_map_that_points_at_the_regions_centre_scores_the_ceiling(
    grid: tuple[int, int], shape: tuple[int, int]
) -> None:
    """The region is around one cell's centre."""
    maps = _one_cell_maps(grid, shape)
    peak_PHW = maps >= maps.max(axis=(1, 2), keepdims=True) - 1e-9
    region_PHW = torch.from_numpy(peak_PHW)
    values = map_measures(torch.eye(len(maps)), grid, region_PHW, stretch=True)
    found = dict(zip(MAP_MEASURES, values.T, strict=True))
    assert found["pointing_game"].tolist() == found["ceiling_pointing_game"].tolist() == [1] * len(maps)


@given(seed=st.integers(0, 10_000), which=st.integers(0, len(SHAPES) - 1), levels=st.sampled_from([2, 3, 10_000]))
def test_no_map_passes_the_ceiling(seed: int, which: int, levels: int) -> None:
    """Of few levels, so that many cells tie, and of many; also maps made to lean towards one side of a cell."""
    grid, shape = SHAPES[which]
    region_QHW = _regions(seed, shape, count=8)
    draw = np.random.default_rng(seed)
    heat_QP = torch.from_numpy(draw.integers(0, levels, (8, grid[0] * grid[1])) / levels)
    score_Q = pointing_game(heat_QP, grid, region_QHW)
    assert (score_Q <= map_ceiling(region_QHW, grid) + 1e-12).all()


def test_a_map_that_leans_reaches_what_one_cell_alone_does_not() -> None:
    """One pixel of the four around a cell's centre: a cell alone hits it by a fourth, a map that leans to it always."""
    region_1HW = torch.zeros(1, 96, 96, dtype=torch.bool)
    region_1HW[0, 24, 40] = True
    assert float(cell_scores(region_1HW, (6, 6)).max()) == pytest.approx(0.25)
    assert map_ceiling(region_1HW, (6, 6)).tolist() == [1]
    heat = torch.zeros(6, 6)
    heat[1, 2], heat[2, 2], heat[1, 3], heat[2, 3] = 1.0, 0.9, 0.9, 0.85
    assert pointing_game(heat.flatten()[None], (6, 6), region_1HW).tolist() == [1]


def test_the_prior_is_the_mean_region_of_the_others() -> None:
    a, b, c = (torch.tensor([row], dtype=torch.bool) for row in ([1, 1, 0], [0, 1, 0], [0, 0, 1]))
    mean = MeanRegions()
    for region in (a, b, c):
        mean.add("edema", region)
    mean.add("nodule", c)
    edema, others = mean.of("edema"), mean.without("edema", torch.stack([a, b]))
    assert edema is not None
    assert edema.tolist() == [pytest.approx([1 / 3, 2 / 3, 1 / 3])]
    assert others is not None
    assert others.tolist() == [[0, 0, 1]]
    assert mean.without("nodule", c[None]) is None
    assert mean.of("hernia") is None
    assert mean.phrases.total() == 4
