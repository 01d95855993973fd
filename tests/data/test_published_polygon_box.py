"""The released code's boxes of polygons, against shapely, a naive search, and symmetric shapes by hand."""

import numpy as np
import pytest
import shapely

from src.data.published_polygon_box import pole_of_inaccessibility, published_box

EXAMPLE = shapely.LineString([(0, 0), (50, 200), (100, 100), (20, 50), (-100, -20), (-150, -200)]).buffer(100)


def test_the_example_of_shapelys_manual() -> None:
    # as its manual had it up to shapely 2.0, whose search the released code ran
    assert pole_of_inaccessibility(EXAMPLE, tolerance=10) == pytest.approx((59.35615556364569, 121.83919629746435))


def made_polygons() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    polygons = []
    for _ in range(12):
        count, radius = int(rng.integers(4, 30)), float(np.exp(rng.uniform(2.5, 5.5)))
        angle_K = np.sort(rng.uniform(0, 2 * np.pi, count))
        away_K = radius * rng.uniform(0.4, 1.2, count)
        polygons.append(np.round(np.stack([away_K * np.cos(angle_K), 0.4 * away_K * np.sin(angle_K)], axis=1) + 800))
    return polygons


@pytest.mark.parametrize("number", range(12))
def test_a_fine_search_finds_the_centre_of_the_largest_circle(number: int) -> None:
    band = shapely.LineString(np.concatenate([made_polygons()[number], made_polygons()[number][:1]])).buffer(100)
    x, y = pole_of_inaccessibility(band, tolerance=0.01)
    circle = shapely.maximum_inscribed_circle(band, tolerance=0.01)
    assert band.boundary.distance(shapely.Point(x, y)) == pytest.approx(circle.length, abs=0.02)
    coarse = shapely.Point(pole_of_inaccessibility(band, tolerance=10))
    assert band.contains(coarse)
    assert circle.length - 10 - 0.02 <= band.boundary.distance(coarse) <= circle.length + 0.02


@pytest.mark.parametrize("number", range(12))
def test_a_box_has_the_pole_in_its_middle_and_touches_the_farther_sides(number: int) -> None:
    corner_K2 = made_polygons()[number]
    left, top, right, bottom = published_box(corner_K2.ravel().tolist())
    (x0, y0), (x1, y1) = corner_K2.min(axis=0), corner_K2.max(axis=0)
    band = shapely.LineString(np.concatenate([corner_K2, corner_K2[:1]])).buffer(100)
    x, y = pole_of_inaccessibility(band, tolerance=10)
    for low, high, start, end, middle in ((x0, x1, left, right, x), (y0, y1, top, bottom, y)):
        assert (start + end) / 2 == pytest.approx(middle)
        assert (end - start) / 2 == pytest.approx(max(middle - low, high - middle))
        assert start <= low + 1e-9
        assert end >= high - 1e-9


def test_a_square_has_its_own_box() -> None:
    # the pole of what is symmetric is its middle
    assert published_box((10, 10, 50, 10, 50, 50, 10, 50)) == pytest.approx((10, 10, 50, 50), abs=1e-6)


def test_a_triangle_by_hand() -> None:
    """The band fills the triangle, and its centroid, where the search begins, cannot be bettered by ten pixels."""
    corners = (0.0, 0.0, 60.0, 0.0, 0.0, 60.0)
    band = shapely.LineString([(0, 0), (60, 0), (0, 60), (0, 0)]).buffer(100)
    x, y = pole_of_inaccessibility(band, tolerance=10)
    left, top, right, bottom = published_box(corners)
    assert (right - left) * (bottom - top) > 60 * 60
    assert (left, right) == pytest.approx((x - max(x, 60 - x), x + max(x, 60 - x)))
    assert (top, bottom) == pytest.approx((y - max(y, 60 - y), y + max(y, 60 - y)))
