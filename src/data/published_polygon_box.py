"""The boxes that MGCA's released code makes of Object-CXR's polygons, which are larger than tight ones.

The closed outline is widened to a band of 100 pixels on either side. In that shape the pole of inaccessibility, the
point that is farthest from its edge, is searched for to within 10 pixels. The box has this point in its middle and
reaches, across and down, as far as the farther one of the two sides. Source: mgca/preprocess/object_cxr.py there,
after ``object_cxr_to_coco.ipynb`` of xuyuan/xsd.

The search is polylabel (Agafonkin, github.com/mapbox/polylabel): squares over the bounds of the shape, the one that may
hold the farthest point first, are quartered until none can better the best middle by more than the tolerance. It is
written out here since that tolerance is coarse, and newer versions of shapely search otherwise and find another point.
"""

import heapq
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import shapely

_BAND = 100.0
_TOLERANCE = 10.0


class _Square(NamedTuple):
    """Ordered by how far from the edge any point in it may be at most, the farthest first."""

    order: float
    number: int
    x: float
    y: float
    half: float
    away: float


def published_box(corners: Sequence[float]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom for a polygon's ``corners``, x and y of each in turn; it may reach out of the image."""
    import shapely

    corner_K2 = np.array(corners, dtype=np.float64).reshape(-1, 2)
    band = shapely.LineString(np.concatenate([corner_K2, corner_K2[:1]])).buffer(_BAND, quad_segs=16)
    middle_2 = np.array(pole_of_inaccessibility(band, tolerance=_TOLERANCE))
    reach_2 = np.maximum(np.abs(corner_K2.min(axis=0) - middle_2), np.abs(corner_K2.max(axis=0) - middle_2))
    left, top, right, bottom = np.concatenate([middle_2 - reach_2, middle_2 + reach_2]).tolist()
    return left, top, right, bottom


def pole_of_inaccessibility(shape: "shapely.Polygon", *, tolerance: float) -> tuple[float, float]:
    """The point inside ``shape`` that is farthest from its edge, found to within ``tolerance`` of that distance."""
    left, top, right, bottom = shape.bounds
    side = min(right - left, bottom - top)
    best = max(
        _square(shape, shape.centroid.x, shape.centroid.y, 0.0, 0),
        _square(shape, (left + right) / 2, (top + bottom) / 2, 0.0, 0),
        key=lambda square: square.away,
    )
    starts = [(x, y) for x in _steps(left, right, side) for y in _steps(top, bottom, side)]
    queue = [_square(shape, x + side / 2, y + side / 2, side / 2, n) for n, (x, y) in enumerate(starts)]
    heapq.heapify(queue)
    number = len(queue)
    while queue:
        square = heapq.heappop(queue)
        best = max(best, square, key=lambda one: one.away)
        if -square.order - best.away <= tolerance:
            continue
        half = square.half / 2
        for down in (-half, half):
            for across in (-half, half):
                heapq.heappush(queue, _square(shape, square.x + across, square.y + down, half, number))
                number += 1
    return best.x, best.y


def _steps(start: float, end: float, step: float) -> list[float]:
    places = []
    while start < end:
        places.append(start)
        start += step
    return places


def _square(shape: "shapely.Polygon", x: float, y: float, half: float, number: int) -> _Square:
    import shapely

    middle = shapely.Point(x, y)
    away = shape.boundary.distance(middle)
    away = away if shape.contains(middle) else -away
    # of squares that are equal the one that was made first comes first
    return _Square(-(away + half * math.sqrt(2)), number, x, y, half, away)
