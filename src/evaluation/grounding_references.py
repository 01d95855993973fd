"""What a figure of grounding is held against: a cell drawn by lot, the best map there is, and an image-blind prior.

- Map chance: what the pointing game gives on average for a cell of the encoder's grid that is drawn by lot. An
  upsampled map has its peak at a cell's centre, or from there to the edge in a cell at the border, and not at any pixel
  alike: this is not the region's share of the image. A map of independent noise scores somewhat less again (0.047
  against 0.057 on the demo's phrases, whose regions fill 0.067 of the image): interpolation lowers a peak between
  pixels and leaves one at the border whole, so that its highest pixel is more often at the border.
- Map ceiling: what the best map on this grid gives in the pointing game. It is below 1 where a region is so small that
  it lies between the places at which an upsampled map can have its peak.
- Prior: the mean over other patients' regions of the same category, as heat. It never sees the image: a model that
  does not pass it has shown no grounding.

Bilinear interpolation is separable, so is each peak: rows and columns are computed apart.

Axes: Q phrases, R and S rows and columns of the grid, H and W pixels, N pixels of an image, U places
of a peak along one side, O phrases of one patient.
"""

import functools
import math
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

# float32 does not tell values apart that are closer than this share of the largest
_SAME = 1e-6


def at_peak(heat_QN: Tensor) -> Tensor:
    """Where each row has its maximum, bool (Q, N); none where the row is not all numbers."""
    peak_Q1 = heat_QN.amax(dim=1, keepdim=True)
    return heat_QN >= peak_Q1 - _SAME * peak_Q1.abs()


def cell_scores(region_QHW: Tensor, grid: tuple[int, int]) -> Tensor:
    """The pointing game of the map that has all its heat in one cell, for each cell, float64 (Q, R, S)."""
    return _shares(region_QHW, [_cell_peaks(cells, side) for cells, side in _sides(region_QHW, grid)])


def map_chance(score_QRS: Tensor) -> Tensor:
    """The mean of ``cell_scores`` over the cells, float64 (Q,)."""
    return score_QRS.mean(dim=(1, 2))


def map_ceiling(region_QHW: Tensor, grid: tuple[int, int]) -> Tensor:
    """The best pointing game of any map on ``grid``, float64 (Q,)."""
    return _shares(region_QHW, [_places(cells, side) for cells, side in _sides(region_QHW, grid)]).amax(dim=(1, 2))


class MeanRegions:
    """The share of a category's phrases that name each pixel, from regions that are added one by one."""

    def __init__(self) -> None:
        self._total_HW: dict[str, Tensor] = {}
        self.phrases: Counter[str] = Counter()

    def add(self, category: str, region_HW: Tensor) -> None:
        """Count one more phrase of ``category``."""
        self._total_HW[category] = self._total_HW.get(category, 0) + region_HW.double()
        self.phrases[category] += 1

    def without(self, category: str, own_OHW: Tensor) -> Tensor | None:
        """The mean region of the category but for its phrases ``own_OHW``; None where none is left."""
        left = self.phrases[category] - len(own_OHW)
        return (self._total_HW[category] - own_OHW.double().sum(dim=0)) / left if left else None

    def of(self, category: str) -> Tensor | None:
        """The mean region over all phrases of ``category``, float64 (H, W); None where there is none."""
        return self._total_HW[category] / self.phrases[category] if self.phrases[category] else None


def _sides(region_QHW: Tensor, grid: tuple[int, int]) -> list[tuple[int, int]]:
    """Cells and pixels along the height and the width."""
    return list(zip(grid, region_QHW.shape[1:], strict=True))


def _shares(region_QHW: Tensor, place: Sequence[Tensor]) -> Tensor:
    """The share of the pixels of each place, a choice of rows by a choice of columns, that lie in the region."""
    row_UH, column_UW = (side.to(region_QHW.device) for side in place)
    return row_UH @ region_QHW.double() @ column_UW.T


@functools.cache
def _cell_peaks(cells: int, side: int) -> Tensor:
    """Along one side, the pixels at which a map of one cell has its peak, as weights that sum to 1, (cells, side)."""
    line_1RH = torch.nn.functional.interpolate(torch.eye(cells)[None], size=side, mode="linear", align_corners=False)
    peak_RH = at_peak(line_1RH[0]).double()
    return peak_RH / peak_RH.sum(dim=1, keepdim=True)


@functools.cache
def _places(cells: int, side: int) -> Tensor:
    """Along one side, where an upsampled map can have its peak, each as weights that sum to 1, (U, side).

    Between two centres heat is linear, so a peak lies at one of the pixels next to a centre; beyond the outermost
    centres it is the same up to the edge, so these pixels come together.
    """
    centre = [(cell + 0.5) * side / cells - 0.5 for cell in range(cells)]
    first, last = max(0, math.floor(centre[0] + _SAME)), min(side - 1, math.ceil(centre[-1] - _SAME))
    places = {tuple(range(first + 1)), tuple(range(last, side))} if cells > 1 else {tuple(range(side))}
    for middle in centre[1:-1]:
        places |= {(math.floor(middle + _SAME),), (math.ceil(middle - _SAME),)}
    place_UH = torch.zeros(len(places), side, dtype=torch.float64)
    for number, pixels in enumerate(sorted(places)):
        place_UH[number, list(pixels)] = 1 / len(pixels)
    return place_UH
