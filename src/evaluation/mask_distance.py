"""How far apart the outlines of two masks are.

The outline of a mask is those of its pixels that have a pixel outside above, below, left or right, the edge of the
image being outside. Where the neighbour is ignored nobody knows, and there is no outline; of a mask that has no other
neighbours the ignored ones count as outside, so that every mask with a pixel has an outline.

Axes: H and W pixels, K and L pixels of an outline.
"""

from typing import NamedTuple

import numpy as np

TOLERANCE = 0.0075
"""Of the diagonal (Csurka et al., BMVC 2013), and at least a pixel."""

_MANY = 100_000


class Distances(NamedTuple):
    """``hd95``: 0 where both masks are empty, the image's diagonal where one is. ``boundary_f``: 1 and 0 there."""

    hd95: float
    boundary_f: float


def outline_distances(one_HW: np.ndarray, other_HW: np.ndarray, ignored_HW: np.ndarray) -> Distances:
    """Two bool masks compared at their outlines, in pixels.

    ``hd95``: the 95 % Hausdorff distance; of the distances from each pixel of one outline to the nearest of the other
    the 95th percentile (numpy's, linear), the larger one of the two directions. A finding that was missed, or invented,
    is as far off as the image allows: its diagonal; where nothing is there and nothing was found nothing is off (the
    convention of the BraTS challenges). So every image counts, the same ones for every model. ``boundary_f``: the
    harmonic mean of the shares of either outline that lie within ``TOLERANCE`` of the other.
    """
    diagonal = float(np.hypot(*one_HW.shape))
    reach = max(1.0, TOLERANCE * diagonal)
    one_K2, other_L2 = (_known_outline(mask_HW, ignored_HW) for mask_HW in (one_HW, other_HW))
    if not len(one_K2) or not len(other_L2):
        alike = len(one_K2) == len(other_L2)
        return Distances(0.0 if alike else diagonal, float(alike))
    there_K, back_L = nearest(one_K2, other_L2), nearest(other_L2, one_K2)
    far = max(float(np.percentile(away, 95)) for away in (there_K, back_L))
    near, near_back = (float((away <= reach).mean()) for away in (there_K, back_L))
    return Distances(far, 2 * near * near_back / (near + near_back) if near + near_back else 0.0)


def nearest(from_K2: np.ndarray, to_L2: np.ndarray) -> np.ndarray:
    """The distance from each pixel to the nearest of the others, float64 (K,); neither is empty."""
    from scipy.ndimage import distance_transform_edt
    from scipy.spatial import KDTree

    if len(from_K2) + len(to_L2) < _MANY:
        return KDTree(to_L2).query(from_K2)[0]
    # for the outlines of noise a map of all distances is many times faster than a search for each
    both = np.concatenate([from_K2, to_L2])
    corner = both.min(axis=0)
    away_HW = np.ones(both.max(axis=0) - corner + 1, dtype=bool)
    away_HW[tuple((to_L2 - corner).T)] = False
    return distance_transform_edt(away_HW)[tuple((from_K2 - corner).T)]


def _known_outline(mask_HW: np.ndarray, ignored_HW: np.ndarray) -> np.ndarray:
    known_HW = mask_HW & ~ignored_HW
    outline_K2 = outline(known_HW, ignored_HW)
    if len(outline_K2) or not known_HW.any():
        return outline_K2
    return outline(known_HW, np.zeros_like(ignored_HW))


def outline(mask_HW: np.ndarray, ignored_HW: np.ndarray) -> np.ndarray:
    """Row and column of each pixel of the outline, int64 (K, 2)."""
    mask_HW = mask_HW & ~ignored_HW
    rows, columns = (np.flatnonzero(mask_HW.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.empty((0, 2), dtype=np.int64)
    # most of a radiograph is far from the finding
    top, left = int(rows[0]), int(columns[0])
    window = slice(max(0, top - 1), rows[-1] + 2), slice(max(0, left - 1), columns[-1] + 2)
    own_HW = mask_HW[window]
    inside_HW = np.pad(own_HW | ignored_HW[window], 1)
    core_HW = inside_HW[:-2, 1:-1] & inside_HW[2:, 1:-1] & inside_HW[1:-1, :-2] & inside_HW[1:-1, 2:]
    return np.argwhere(own_HW & ~core_HW) + np.array([window[0].start, window[1].start])
