"""The targets and the loss of the released YOLOv3, again in plain loops and float64."""

import math
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from src.core.dense import Objects
from src.heads.mmdet_head import MMDetHead
from tests.heads.made_maps import made_maps, made_objects, tiny_head

SIZE = (96, 96)
# anchors of 416 pixels at 224, coarsest scale first
ANCHORS = (
    ((116, 90), (156, 198), (373, 326)),
    ((30, 61), (62, 45), (59, 119)),
    ((10, 13), (16, 30), (33, 23)),
)
STRIDES = (32, 16, 8)
WEIGHTS = {"loss_cls": 1.0, "loss_conf": 1.0, "loss_xy": 2.5, "loss_wh": 2.5}


def released_loss(logits: list[Tensor], objects: list[Objects], classes: int, no_object: float) -> dict[str, float]:
    """Per scale, every mean over all images, anchors and cells; of (B, 3 * (5 + classes), R, S) logits."""
    total = dict.fromkeys(WEIGHTS, 0.0)
    for logit_map, anchors, stride in zip(logits, ANCHORS, STRIDES, strict=True):
        images, _, rows, columns = logit_map.shape
        logit = logit_map.double().view(images, 3, 5 + classes, rows, columns)
        shape = images, 3, rows, columns
        positive, background = torch.zeros(shape).double(), torch.ones(shape).double()
        target = torch.zeros(images, 3, 5 + classes, rows, columns).double()
        sides = [(width * 224 / 416 / stride, height * 224 / 416 / stride) for width, height in anchors]
        for image, there in enumerate(objects):
            for (left, top, right, bottom), label in zip(there.box_N4.tolist(), there.class_N.tolist(), strict=True):
                x, y = (left + right) / 2 / stride, (top + bottom) / 2 / stride
                width, height = (right - left) / stride, (bottom - top) / stride
                row, column = int(y), int(x)
                overlaps = []
                for anchor_width, anchor_height in sides:
                    shared = (min(width, anchor_width) + 1) * (min(height, anchor_height) + 1)
                    areas = (width + 1) * (height + 1) + (anchor_width + 1) * (anchor_height + 1)
                    overlaps.append(shared / (areas - shared))
                for anchor in range(3):
                    if overlaps[anchor] > 0.5:
                        background[image, anchor, row, column] = 0
                best = overlaps.index(max(overlaps))
                positive[image, best, row, column] = 1
                sizes = math.log(width / sides[best][0]), math.log(height / sides[best][1])
                target[image, best, :4, row, column] = torch.tensor([x - column, y - row, *sizes]).double()
                target[image, best, 5 + label, row, column] = 1
        total["loss_xy"] += sum(_entropy(logit[:, :, axis], target[:, :, axis], positive) for axis in (0, 1))
        total["loss_wh"] += sum(
            float(mse_loss(logit[:, :, axis] * positive, target[:, :, axis] * positive)) for axis in (2, 3)
        )
        total["loss_conf"] += _entropy(logit[:, :, 4], torch.ones(shape).double(), positive)
        total["loss_conf"] += no_object * _entropy(logit[:, :, 4], torch.zeros(shape).double(), background)
        total["loss_cls"] += (
            sum(_entropy(logit[:, :, 5 + label], target[:, :, 5 + label], positive) for label in range(classes))
            / classes
        )
    return {name: WEIGHTS[name] * value for name, value in total.items()}


def _entropy(logit: Tensor, target: Tensor, mask: Tensor) -> float:
    return float((binary_cross_entropy_with_logits(logit, target, reduction="none") * mask).mean())


CASES: dict[str, list[Objects]] = {
    "no object": [made_objects([], []), made_objects([], [])],
    # the second and third object of one image share a cell on the coarsest scale, and a class on none
    "several": [
        made_objects([[10, 12, 50, 60], [40, 5, 65, 33], [42, 8, 60, 36]], [0, 1, 0]),
        made_objects([[2, 2, 18, 14], [0, 0, 96, 96]], [1, 1]),
    ],
    "like an anchor": [made_objects([[20, 20, 20 + 62.4615, 20 + 48.4615]], [0]), made_objects([], [])],
}


@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("objects", list(CASES.values()), ids=list(CASES))
@pytest.mark.parametrize("no_object", [0.5, 0.2])
def test_it_is_the_released_loss(objects: list[Objects], classes: int, no_object: float) -> None:
    head = tiny_head("yolov3", classes=classes, bbox_head__no_object_weight=no_object)
    objects = [image._replace(class_N=image.class_N.clamp(max=classes - 1)) for image in objects]
    maps = made_maps(head.strides, SIZE)
    # the head's own BatchNorms in both passes by their running statistics
    head.eval()
    expected = released_loss(_logits(head, maps), objects, classes, no_object)
    found = {name: float(value.detach()) for name, value in head.loss(maps, objects, SIZE).items()}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=2e-4, abs=1e-6), name


def test_an_object_of_another_shape_than_its_anchor_is_background_too() -> None:
    head = tiny_head("yolov3", classes=1).eval()
    assert head.detector.bbox_head.no_object_weight == 0.5
    targets, background = _targets(head, made_objects([[10, 12, 50, 60]], [0]))
    # one anchor on each of three scales
    assert targets[:, 4].sum() == 3
    # 40 x 48 pixels: 0.76 and 0.70 of the union with 62 x 48 and 32 x 64, and 0.20 with the finest scale's 18 x 12
    (both,) = (targets[:, 4] * background).nonzero().flatten().tolist()
    assert both >= 3 * (9 + 36)


def test_a_centre_on_the_edge_belongs_to_the_last_cell() -> None:
    head = tiny_head("yolov3", classes=1).eval()
    targets, _ = _targets(head, made_objects([[90, 90, 102, 102]], [0]))
    rows = targets[:, 4].nonzero().flatten().tolist()
    # three anchors a cell: the ninth cell of 3 x 3, the 36th of 6 x 6, the 144th of 12 x 12
    assert [row // 3 for row in rows] == [8, 9 + 35, 9 + 36 + 143]


@pytest.mark.parametrize("classes", [1, 3])
def test_a_detection_scores_its_confidence(classes: int) -> None:
    """The most confident anchor of each image, decoded by hand."""
    head = tiny_head("yolov3", classes=classes).eval()
    maps = made_maps(head.strides, SIZE)
    logits = _logits(head, maps)
    for image, (box_N4, score_N, class_N) in enumerate(head.detect(maps, SIZE)):
        best: tuple[float, Any, Any] = (0.0, None, None)
        for logit_map, anchors, stride in zip(logits, ANCHORS, STRIDES, strict=True):
            rows, columns = logit_map.shape[2:]
            values = logit_map[image].double().view(3, 5 + classes, rows, columns)
            for anchor, (row, column) in product(range(3), product(range(rows), range(columns))):
                x, y, width, height, confidence, *of_class = values[anchor, :, row, column]
                if confidence.sigmoid() > best[0]:
                    centre = (x.sigmoid() + column) * stride, (y.sigmoid() + row) * stride
                    own = anchors[anchor]
                    half = own[0] * 224 / 416 * width.exp() / 2, own[1] * 224 / 416 * height.exp() / 2
                    corners = [centre[axis] + sign * half[axis] for sign in (-1, 1) for axis in (0, 1)]
                    best = float(confidence.sigmoid()), corners, int(torch.stack(of_class).argmax())
        assert float(score_N[0]) == pytest.approx(best[0], rel=1e-4)
        assert int(class_N[0]) == best[2]
        corners = torch.tensor([float(corner) for corner in best[1]]).clamp(0, SIZE[0])
        torch.testing.assert_close(box_N4[0], corners, rtol=2e-3, atol=0.02)


def test_convolutions_start_from_torchs_defaults() -> None:
    head = tiny_head("yolov3")
    for convolution in [part for part in head.detector.modules() if isinstance(part, torch.nn.Conv2d)]:
        bound = 1 / math.sqrt(convolution.weight[0].numel())
        assert 0.8 * bound < convolution.weight.detach().abs().max() <= bound
        if convolution.bias is not None:
            assert convolution.bias.detach().abs().max() <= bound


def _logits(head: MMDetHead, maps: list[Tensor]) -> list[Tensor]:
    with torch.no_grad():
        levels = head.detector.extract_feat(tuple(maps))
        return list(head.detector.bbox_head(levels)[0])


def _targets(head: MMDetHead, objects: Objects) -> tuple[Tensor, Tensor]:
    from mmengine.structures import InstanceData

    yolo: Any = head.detector.bbox_head
    anchors = yolo.prior_generator.grid_priors([(3, 3), (6, 6), (12, 12)], device="cpu")
    truth = InstanceData(bboxes=objects.box_N4, labels=objects.class_N)
    return yolo._get_targets_single(anchors, [], truth)
