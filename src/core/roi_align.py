"""RoIAlign with averages (He et al. 2017, Mask R-CNN): a map's content below boxes, as small grids of one size.

Every bin of a box is the mean of samples that are interpolated linearly between the map's cells. Interpolation and
mean are linear and the same for all rows of a bin and for all its columns. So a box's grid is
``row weights x map x column weights``: two matrix products, and their transposes for the gradient.

Axes: B images, C channels, H and W rows and columns of the map, K boxes, 5 the box's image, left, top, right, bottom;
M boxes of one image, P and Q rows and columns of bins, I samples along a bin, S cells along one axis of the map.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from src.core.torchvision_ops import has_compiled

_NUMBERS = 2**25
"""Numbers that an intermediate result may hold: 128 MB in float32. More boxes are taken in turns."""


@dataclass(frozen=True)
class Grid:
    """How boxes become grids of ``height`` x ``width`` bins.

    ``scale``: cells of the map a unit of the boxes. ``sampling``: samples along either side of a bin, 0 for as many as
    the bin has cells. ``aligned``: a cell's value stands in its middle; else at its corner, and boxes are at least one
    cell long, as the first published form had it.
    """

    height: int
    width: int
    scale: float
    sampling: int
    aligned: bool


def average(map_BCHW: Tensor, roi_K5: Tensor, grid: Grid) -> Tensor:
    """The grids below the boxes, (K, C, P, Q); zeros for a box without area where ``aligned``."""
    if has_compiled("roi_align", map_BCHW):
        pooled: Tensor = torch.ops.torchvision.roi_align(
            map_BCHW, roi_K5.to(map_BCHW.dtype), *_compiled_settings(grid), grid.sampling, grid.aligned
        )
        return pooled
    images, channels, _, columns = map_BCHW.shape
    found_KCPQ = map_BCHW.new_zeros(len(roi_K5), channels, grid.height, grid.width)
    flat_BHX = map_BCHW.transpose(1, 2).flatten(2)
    for here_N, image_N, slot_N, row_BMPH, column_BMQW in _turns(map_BCHW.shape, roi_K5, grid):
        part_BMXW = (row_BMPH.flatten(1, 2) @ flat_BHX).view(images, -1, grid.height * channels, columns)
        grid_BMXQ = part_BMXW @ column_BMQW.mT
        grid_BMPCQ = grid_BMXQ.view(images, -1, grid.height, channels, grid.width)
        found_KCPQ[here_N] = grid_BMPCQ[image_N, slot_N].transpose(1, 2)
    return found_KCPQ


def average_backward(grad_KCPQ: Tensor, roi_K5: Tensor, shape: torch.Size, grid: Grid) -> Tensor:
    """The gradient of a map of ``shape`` (B, C, H, W) from that of ``average``'s grids."""
    images, channels, rows, columns = shape
    if has_compiled("_roi_align_backward", grad_KCPQ):
        grad: Tensor = torch.ops.torchvision._roi_align_backward(
            grad_KCPQ, roi_K5.to(grad_KCPQ.dtype), *_compiled_settings(grid), *shape, grid.sampling, grid.aligned
        )
        return grad
    grad_BHX = grad_KCPQ.new_zeros(images, rows, channels * columns)
    for here_N, image_N, slot_N, row_BMPH, column_BMQW in _turns(shape, roi_K5, grid):
        slots = row_BMPH.shape[1]
        grid_BMPCQ = grad_KCPQ.new_zeros(images, slots, grid.height, channels, grid.width)
        grid_BMPCQ[image_N, slot_N] = grad_KCPQ[here_N].transpose(1, 2)
        part_BMXW = grid_BMPCQ.flatten(2, 3) @ column_BMQW
        grad_BHX += row_BMPH.flatten(1, 2).mT @ part_BMXW.view(images, slots * grid.height, channels * columns)
    return grad_BHX.view(images, rows, channels, columns).transpose(1, 2)


def box_sides(roi_K5: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Where boxes begin and how long they are in cells, both (..., 2), left to right and top to bottom."""
    corner_K4 = roi_K5[..., 1:] * grid.scale - (0.5 if grid.aligned else 0.0)
    length_K2 = corner_K4[..., 2:] - corner_K4[..., :2]
    return corner_K4[..., :2], length_K2 if grid.aligned else length_K2.clamp(min=1)


def samples(begin_K: Tensor, length_K: Tensor, bins: int, sampling: int) -> tuple[Tensor, Tensor]:
    """Where the samples of one axis lie in cells, (..., P, I), and how many a bin truly has, (...).

    Bins of short boxes have fewer than I samples; those past their number are to be left out.
    """
    bin_K = length_K / bins
    number_K = torch.full_like(bin_K, sampling) if sampling > 0 else bin_K.ceil().clamp(min=0)
    most = max(int(number_K.max()), 1) if number_K.numel() else 1
    step_I = torch.arange(most, device=begin_K.device, dtype=begin_K.dtype) + 0.5
    bin_P1 = torch.arange(bins, device=begin_K.device, dtype=begin_K.dtype)[:, None]
    within_KPI = bin_P1 + step_I / number_K.clamp(min=1)[..., None, None]
    return begin_K[..., None, None] + within_KPI * bin_K[..., None, None], number_K


def linear_weights(at_KPI: Tensor, cells: int) -> Tensor:
    """What each cell of an axis gives to samples at these places, (..., I, S): a hat of width 2 around the sample.

    Samples up to one cell outside count as on the edge; those further outside get nothing.
    """
    cell_S = torch.arange(cells, device=at_KPI.device, dtype=at_KPI.dtype)
    inside_KPI = (at_KPI >= -1) & (at_KPI <= cells)
    hat_KPIS = (1 - (at_KPI.clamp(0, cells - 1)[..., None] - cell_S).abs()).clamp(min=0)
    return hat_KPIS * inside_KPI[..., None]


def _bin_weights(begin_K: Tensor, length_K: Tensor, bins: int, cells: int, sampling: int) -> Tensor:
    """What each cell of an axis gives to each bin: the mean over the bin's samples, (..., P, S)."""
    at_KPI, number_K = samples(begin_K, length_K, bins, sampling)
    real_KPI = torch.arange(at_KPI.shape[-1], device=at_KPI.device) < number_K[..., None, None]
    weight_KPIS = linear_weights(at_KPI, cells) * real_KPI[..., None]
    return weight_KPIS.sum(dim=-2) / number_K.clamp(min=1)[..., None, None]


def _turns(shape: torch.Size, roi_K5: Tensor, grid: Grid) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]:
    """The boxes image by image, some slots of every image at a time.

    Gives which boxes these are, their images and slots, and the weights of rows and columns of every slot.
    """
    images, channels, rows, columns = shape
    if not len(roi_K5) or not images:
        return
    image_K = roi_K5[:, 0].long()
    order_K = image_K.argsort(stable=True)
    count_B = image_K.bincount(minlength=images)
    slot_K = torch.empty_like(image_K)
    slot_K[order_K] = torch.arange(len(roi_K5), device=roi_K5.device) - (count_B.cumsum(0) - count_B)[image_K[order_K]]
    most = int(count_B.max())
    roi_BM5 = roi_K5.new_zeros(images, most, 5)
    roi_BM5[image_K, slot_K] = roi_K5
    width = max(1, _NUMBERS // max(1, images * grid.height * channels * columns))
    for start in range(0, most, width):
        here_N = ((slot_K >= start) & (slot_K < start + width)).nonzero().squeeze(1)
        begin_BM2, length_BM2 = box_sides(roi_BM5[:, start : start + width], grid)
        row_BMPH = _bin_weights(begin_BM2[..., 1], length_BM2[..., 1], grid.height, rows, grid.sampling)
        column_BMQW = _bin_weights(begin_BM2[..., 0], length_BM2[..., 0], grid.width, columns, grid.sampling)
        yield here_N, image_K[here_N], slot_K[here_N] - start, row_BMPH, column_BMQW


def _compiled_settings(grid: Grid) -> tuple[float, int, int]:
    return grid.scale, grid.height, grid.width
