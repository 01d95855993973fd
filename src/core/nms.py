"""Non-maximum suppression: of boxes that overlap too much, the most certain one stays.

Axes: N boxes, most certain first; J boxes of one block, K boxes that are kept of it, 4 left, top, right, bottom.
"""

import torch
from torch import Tensor

from src.core.precision import at_least_float32
from src.core.torchvision_ops import has_compiled

_BLOCK = 1024
"""Boxes that are compared with all that follow at a time; bounds the memory to block x boxes."""


def nms(dets: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Positions of the boxes that stay, most certain first; equal scores keep their order.

    ``dets``: (N, 4). ``scores``: (N,). A box goes where its intersection over union with one that stays is above
    ``iou_threshold``. ``offset``: 1 where a box's right and bottom pixels belong to it, else 0. Two boxes without area
    have no defined overlap and both stay. torchvision's operator does it where it is compiled.
    """
    box_N4, score_N = at_least_float32(dets.detach()), at_least_float32(scores.detach())
    if offset == 0 and has_compiled("nms", box_N4):
        kept: Tensor = torch.ops.torchvision.nms(box_N4, score_N.to(box_N4.dtype), iou_threshold)
        return kept
    order_N = score_N.argsort(descending=True, stable=True)
    stays_N = _greedy(box_N4[order_N], iou_threshold, offset)
    return order_N[stays_N]


def overlap(box_J4: Tensor, box_N4: Tensor, offset: int = 0) -> Tensor:
    """Intersection over union of every box of one set with every one of the other, (J, N); NaN where neither has area.

    ``offset``: 1 where right and bottom pixels belong to the box, else 0.
    """
    side_JN2 = torch.minimum(box_J4[:, None, 2:], box_N4[None, :, 2:]) - torch.maximum(
        box_J4[:, None, :2], box_N4[None, :, :2]
    )
    shared_JN = (side_JN2 + offset).clamp(min=0).prod(dim=2)
    area_J = (box_J4[:, 2:] - box_J4[:, :2] + offset).prod(dim=1)
    area_N = (box_N4[:, 2:] - box_N4[:, :2] + offset).prod(dim=1)
    return shared_JN / (area_J[:, None] + area_N[None, :] - shared_JN)


def _greedy(box_N4: Tensor, threshold: float, offset: int) -> Tensor:
    """Whether each box stays, (N,); ``box_N4`` is sorted."""
    stays_N = torch.ones(len(box_N4), dtype=torch.bool, device=box_N4.device)
    for start in range(0, len(box_N4), _BLOCK):
        stop = start + _BLOCK
        block_J4 = box_N4[start:stop]
        suppresses_JJ = (overlap(block_J4, block_J4, offset) > threshold).triu(diagonal=1)
        stays_N[start:stop] = _settle(suppresses_JJ, stays_N[start:stop])
        kept_K4 = block_J4[stays_N[start:stop]]
        stays_N[stop:] &= ~(overlap(kept_K4, box_N4[stop:], offset) > threshold).any(dim=0)
    return stays_N


def _settle(suppresses_JJ: Tensor, candidate_J: Tensor) -> Tensor:
    """Which candidates no box that stays suppresses.

    Every round settles at least one more box for good, the most certain first, so that the rounds end, and where two
    rounds agree all are settled: as many rounds as the longest chain of suppressions, a handful.
    """
    weight_JJ = suppresses_JJ.float()
    stays_J = candidate_J
    while True:
        settled_J = candidate_J & ~(stays_J.float() @ weight_JJ > 0)
        if torch.equal(settled_J, stays_J):
            return stays_J
        stays_J = settled_J
