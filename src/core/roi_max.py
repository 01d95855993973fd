"""RoIAlign with maxima: as in ``roi_align.py``, but a bin is the greatest of its samples.

Axes: B images, C channels, H and W rows and columns of the map, K boxes, 5 the box's image, left, top, right, bottom;
P and Q rows and columns of bins, I and J samples along them, S and T cells below and beside a place.
"""

import torch
from torch import Tensor

from src.core.roi_align import Grid, box_sides, linear_weights, samples

_NUMBERS = 2**24
"""Numbers that an intermediate result may hold."""

_NOWHERE = -2.0
"""The place of the greatest sample of a bin without samples; so far outside that it gets no gradient."""


def maximum(map_BCHW: Tensor, roi_K5: Tensor, grid: Grid) -> tuple[Tensor, Tensor, Tensor]:
    """The grids below the boxes and the row and column of each bin's greatest sample, all (K, C, P, Q).

    A sample outside the map is 0; a box without area gives zeros where ``aligned``.
    """
    channels, rows, columns = map_BCHW.shape[1:]
    begin_K2, length_K2 = box_sides(roi_K5, grid)
    y_KPI, high_K = samples(begin_K2[:, 1], length_K2[:, 1], grid.height, grid.sampling)
    x_KQJ, wide_K = samples(begin_K2[:, 0], length_K2[:, 0], grid.width, grid.sampling)
    found = map_BCHW.new_zeros(3, len(roi_K5), channels, grid.height, grid.width)
    turn = max(1, _NUMBERS // max(1, channels * max(y_KPI[:1].numel() * x_KQJ[:1].numel(), rows * columns)))
    for start in range(0, len(roi_K5), turn):
        some = slice(start, start + turn)
        found[:, some] = _greatest(
            map_BCHW[roi_K5[some, 0].long()], y_KPI[some], x_KQJ[some], high_K[some], wide_K[some]
        )
    return found[0], found[1], found[2]


def maximum_backward(grad_KCPQ: Tensor, roi_K5: Tensor, y_KCPQ: Tensor, x_KCPQ: Tensor, shape: torch.Size) -> Tensor:
    """The gradient of a map of ``shape`` (B, C, H, W): each bin's goes to the cells around its greatest sample."""
    _, channels, rows, columns = shape
    inside_KCPQ = (y_KCPQ >= -1) & (y_KCPQ <= rows) & (x_KCPQ >= -1) & (x_KCPQ <= columns)
    channel_C = torch.arange(channels, device=roi_K5.device)
    plane_KC = roi_K5[:, :1].long() * channels + channel_C
    grad_X = grad_KCPQ.new_zeros(shape.numel())
    for row_KCPQ, down_KCPQ in _neighbours(y_KCPQ, rows):
        for column_KCPQ, right_KCPQ in _neighbours(x_KCPQ, columns):
            place_KCPQ = (plane_KC[..., None, None] * rows + row_KCPQ) * columns + column_KCPQ
            share_KCPQ = grad_KCPQ * inside_KCPQ * down_KCPQ * right_KCPQ
            grad_X.index_add_(0, place_KCPQ.flatten(), share_KCPQ.flatten())
    return grad_X.view(shape)


def _greatest(map_KCHW: Tensor, y_KPI: Tensor, x_KQJ: Tensor, high_K: Tensor, wide_K: Tensor) -> Tensor:
    """Value, row and column of the greatest sample of every bin, (3, K, C, P, Q)."""
    (boxes, bins_down, down), (_, bins_across, across) = y_KPI.shape, x_KQJ.shape
    row_KXH = linear_weights(y_KPI, map_KCHW.shape[2]).flatten(1, 2)
    column_KXW = linear_weights(x_KQJ, map_KCHW.shape[3]).flatten(1, 2)
    value_KCXX = row_KXH[:, None] @ map_KCHW @ column_KXW[:, None].mT
    value_KCPIQJ = value_KCXX.view(boxes, -1, bins_down, down, bins_across, across)
    absent_KI = torch.arange(down, device=y_KPI.device) >= high_K[:, None]
    absent_KJ = torch.arange(across, device=y_KPI.device) >= wide_K[:, None]
    absent_KIJ = absent_KI[:, :, None] | absent_KJ[:, None, :]
    value_KCPQX = value_KCPIQJ.transpose(3, 4).masked_fill(absent_KIJ[:, None, None, None], -torch.inf).flatten(4)
    best_KCPQ, sample_KCPQ = value_KCPQX.max(dim=-1)
    row_KCPQ = y_KPI[:, None].expand(-1, best_KCPQ.shape[1], -1, -1).gather(3, sample_KCPQ // across)
    column_KCQP = (
        x_KQJ[:, None].expand(-1, best_KCPQ.shape[1], -1, -1).gather(3, (sample_KCPQ % across).transpose(2, 3))
    )
    empty_KCPQ = best_KCPQ.isneginf()
    return torch.stack(
        (
            best_KCPQ.masked_fill(empty_KCPQ, 0),
            row_KCPQ.masked_fill(empty_KCPQ, _NOWHERE),
            column_KCQP.transpose(2, 3).masked_fill(empty_KCPQ, _NOWHERE),
        )
    )


def _neighbours(at: Tensor, cells: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The cells before and after a place on one axis, each with its weight."""
    place = at.clamp(0, cells - 1)
    before = place.floor()
    after = (before + 1).clamp(max=cells - 1)
    return (before.long(), 1 - (place - before)), (after.long(), place - before)
