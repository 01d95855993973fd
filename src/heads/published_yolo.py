"""YOLOv3's neck and head as the released MGCA code trains them.

A head's config names them by their paths; this module is imported once mmdet can be.

Axes: B images, A anchors of a cell, E values of an anchor, R and S rows and columns of a map; N anchors of all scales,
G objects, S scales.
"""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models.dense_heads import YOLOV3Head
from mmdet.models.necks import YOLOV3Neck
from torch import Tensor, nn

from src.heads.ignored_regions import largest_share

_IGNORED_IOU = 0.5
"""An anchor in the object's cell whose shape overlaps it by more than this is no background."""
_SURE = 100.0
"""A logit whose probability is 1 in float32."""


class PublishedYOLOV3Neck(YOLOV3Neck):
    """mmdet's ``YOLOV3Neck``, whose convolutions start from torch's defaults, as those of the released code do."""

    def init_weights(self) -> None:
        """Draw the convolutions' weights anew."""
        _reset_convolutions(self)


class PublishedYOLOV3Head(YOLOV3Head):
    """mmdet's ``YOLOV3Head`` with the targets and the confidence loss of the released code (``yolo_loss.py``).

    On every scale one anchor of the cell that holds the object's centre stands for it: the one of the most similar
    shape. It is an object for the loss; every anchor is background, that one too, unless it lies in such a cell and
    its shape has an intersection over union above 0.5 with the object's. Background weighs ``no_object_weight``.
    Shapes are compared in cells of the scale, one cell being added to each side. A detection is of the anchor's most
    probable class and scores the anchor's confidence alone; mmdet multiplies it by the probability of the class.

    ``ignore_iof_thr``: an anchor with a larger share of its area in an ignored region is no background either (not
    part of the released code, whose data sets have no such regions).
    """

    ignores_regions = True

    def __init__(self, *, no_object_weight: float, ignore_iof_thr: float, **settings: Any) -> None:
        super().__init__(**settings)
        self.no_object_weight = no_object_weight
        self.ignore_iof_thr = ignore_iof_thr

    def init_weights(self) -> None:
        """Start the convolutions from torch's defaults, as the released code does; mmdet would set a prior."""
        _reset_convolutions(self)

    def loss_by_feat_single(self, pred_map: Tensor, target_map: Tensor, neg_map: Tensor) -> tuple[Tensor, ...]:
        """The losses of one scale (classes, confidence, centre, size), each a mean over all of its anchors."""
        # without background mmdet's confidence loss is that of the objects
        classes, object_confidence, centre, size = super().loss_by_feat_single(
            pred_map, target_map, torch.zeros_like(neg_map)
        )
        logit_BN = pred_map.permute(0, 2, 3, 1).reshape(len(pred_map), -1, self.num_attrib)[..., 4]
        background = self.loss_conf(logit_BN, torch.zeros_like(logit_BN), weight=neg_map.float())
        return classes, object_confidence + self.no_object_weight * background, centre, size

    def predict_by_feat(self, pred_maps: Sequence[Tensor], *given: Any, **named: Any) -> Any:
        """mmdet's detections of every image, scored by confidence."""
        return super().predict_by_feat([self._scored_by_confidence(maps) for maps in pred_maps], *given, **named)

    def _scored_by_confidence(self, pred_map: Tensor) -> Tensor:
        # mmdet chooses candidates by class, so the confidence takes the place of the likeliest class's probability
        logit_BAERS = pred_map.unflatten(1, (self.num_base_priors, self.num_attrib)).clone()
        classes, confidence = logit_BAERS[:, :, 5:], logit_BAERS[:, :, 4:5]
        likeliest = torch.zeros_like(classes).scatter(2, classes.argmax(dim=2, keepdim=True), 1.0) > 0
        logit_BAERS[:, :, 5:] = torch.where(likeliest, confidence, -_SURE)
        logit_BAERS[:, :, 4] = _SURE
        return logit_BAERS.flatten(1, 2)

    def _get_targets_single(
        self, anchors: Sequence[Tensor], responsible_flags: Sequence[Tensor], gt_instances: Any
    ) -> tuple[Tensor, Tensor]:
        """What each anchor is to predict, (N, 5 + classes), and 1 where it is background, (N,)."""
        del responsible_flags
        anchor_N4 = torch.cat(list(anchors))
        counts = [len(scale) for scale in anchors]
        stride_N = torch.cat([anchor_N4.new_full((n,), s) for n, s in zip(counts, self.featmap_strides, strict=True)])
        box_G4, class_G = gt_instances.bboxes, gt_instances.labels
        target_N = anchor_N4.new_zeros(len(anchor_N4), self.num_attrib)
        background_N = anchor_N4.new_ones(len(anchor_N4), dtype=torch.uint8)
        if len(box_G4):
            iou_GN = _shape_iou(box_G4, anchor_N4, stride_N).masked_fill(
                ~_same_cell(box_G4, anchor_N4, stride_N, counts), -1.0
            )
            background_N[(iou_GN > _IGNORED_IOU).any(dim=0)] = 0
            starts = [sum(counts[:scale]) for scale in range(len(counts))]
            best = [part.argmax(dim=1) + start for part, start in zip(iou_GN.split(counts, dim=1), starts, strict=True)]
            # of two objects in one place the last one gives the box, and both their classes
            for box_4, label, best_S in zip(box_G4, class_G, torch.stack(best, dim=1), strict=True):
                box_S4 = box_4.expand(len(best_S), 4)
                target_N[best_S, :4] = self.bbox_coder.encode(anchor_N4[best_S], box_S4, stride_N[best_S])
                target_N[best_S, 4] = 1
                target_N[best_S, 5 + label] = 1
        ignored_I4 = gt_instances.get("ignored_I4")
        if ignored_I4 is not None and len(ignored_I4):
            background_N[largest_share(anchor_N4, ignored_I4) > self.ignore_iof_thr] = 0
        return target_N, background_N


def _reset_convolutions(network: nn.Module) -> None:
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            part.reset_parameters()


def _shape_iou(box_G4: Tensor, anchor_N4: Tensor, stride_N: Tensor) -> Tensor:
    """Intersection over union of two boxes laid on one corner, in cells and with one cell more on each side, (G, N)."""
    side_GN2 = (box_G4[:, None, 2:] - box_G4[:, None, :2]) / stride_N[:, None] + 1
    anchor_N2 = (anchor_N4[:, 2:] - anchor_N4[:, :2]) / stride_N[:, None] + 1
    shared_GN = torch.minimum(side_GN2, anchor_N2).prod(dim=2)
    return shared_GN / (side_GN2.prod(dim=2) + anchor_N2.prod(dim=1) - shared_GN)


def _same_cell(box_G4: Tensor, anchor_N4: Tensor, stride_N: Tensor, counts: Sequence[int]) -> Tensor:
    """Whether an anchor is one of the cell that holds the object's centre, (G, N)."""
    cell_N2 = ((anchor_N4[:, :2] + anchor_N4[:, 2:]) / 2 / stride_N[:, None]).floor()
    # a centre on the last edge belongs to the last cell
    last_N2 = torch.cat([part.amax(dim=0).expand_as(part) for part in cell_N2.split(list(counts))])
    centre_GN2 = ((box_G4[:, None, :2] + box_G4[:, None, 2:]) / 2 / stride_N[:, None]).floor()
    return (centre_GN2.clamp(min=0).minimum(last_N2) == cell_N2).all(dim=2)
