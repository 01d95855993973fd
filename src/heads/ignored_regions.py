"""Keeps mmdet's detectors from learning that ignored regions are background.

mmdet's assigners say of every prior (an anchor or a proposal) which object it stands for. Some never hear of ignored
regions (``YOLOV3Head``), others forget them in images without an object (``MaxIoUAssigner``).

Axes: N priors, I ignored regions, 4 left, top, right, bottom in pixels.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class IgnoringAssigner:
    """What ``assigner``, the config of any of mmdet's, says, but for background inside ignored regions.

    A prior that would be background is neither background nor object where more than ``ignore_iof_thr`` of its area
    lies in one ignored region. Regions come from mmdet or, for heads that do not pass them on, with the objects.
    Name it in a head's config by its path, ``type: src.heads.ignored_regions.IgnoringAssigner``; the priors must be
    boxes, which those of anchor-free heads are not.
    """

    def __init__(self, *, assigner: Mapping[str, Any], ignore_iof_thr: float) -> None:
        from mmdet.registry import TASK_UTILS

        self.assigner = TASK_UTILS.build(assigner)
        self.ignore_iof_thr = ignore_iof_thr

    def assign(self, pred_instances: Any, *given: Any, **named: Any) -> Any:
        """mmdet's ``AssignResult`` for the priors of one image: 0 background, above 0 an object, -1 neither.

        Detectors hand over the objects, ignored regions or not, and some of them numbers before these.
        """
        result = self.assigner.assign(pred_instances, *given, **named)
        every = (*given, named.get("gt_instances"), named.get("gt_instances_ignore"))
        truth, *ignored = (instances for instances in every if hasattr(instances, "bboxes"))
        ignored_I4 = ignored[0].bboxes if ignored else truth.get("ignored_I4")
        if ignored_I4 is not None and len(ignored_I4) and len(result.gt_inds):
            share_N = largest_share(pred_instances.priors, ignored_I4)
            result.gt_inds[(share_N > self.ignore_iof_thr) & (result.gt_inds == 0)] = -1
        return result


def largest_share(prior_N4: Tensor, ignored_I4: Tensor) -> Tensor:
    """How much of each prior's area lies in the ignored region that holds most of it, (N,); 0 without an area."""
    begin_NI2 = torch.maximum(prior_N4[:, None, :2], ignored_I4[None, :, :2])
    end_NI2 = torch.minimum(prior_N4[:, None, 2:4], ignored_I4[None, :, 2:])
    shared_NI = (end_NI2 - begin_NI2).clamp(min=0).prod(dim=2)
    area_N = (prior_N4[:, 2:4] - prior_N4[:, :2]).clamp(min=0).prod(dim=1)
    return shared_NI.amax(dim=1) / area_N.clamp(min=torch.finfo(area_N.dtype).tiny)
