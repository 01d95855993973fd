"""Ignored regions teach a detector nothing."""

from typing import Any

import pytest
import torch

from src.core.mmcv_ops import ensure_mmcv, quiet_libraries
from src.heads.ignored_regions import IgnoringAssigner, largest_share
from src.heads.mmdet_head import MMDetHead
from tests.heads.made_maps import made_maps, made_objects, tiny_head

WHOLE = [[0.0, 0.0, 96.0, 96.0]]
# Reading scores of background inside the whole image: every part of the loss that background has.
BACKGROUND = {"yolov3": "loss_conf", "retinanet": "loss_cls", "faster_rcnn": "loss_rpn_cls"}


def test_how_much_of_a_prior_is_ignored() -> None:
    prior_N4 = torch.tensor(
        [[0.0, 0.0, 10.0, 10.0], [5.0, 0.0, 15.0, 10.0], [30.0, 30.0, 40.0, 40.0], [3.0, 3.0, 3.0, 9.0]]
    )
    ignored_I4 = torch.tensor([[0.0, 0.0, 10.0, 8.0], [12.0, 0.0, 15.0, 10.0]])
    assert torch.allclose(largest_share(prior_N4, ignored_I4), torch.tensor([0.8, 0.4, 0.0, 0.0]))


@pytest.mark.parametrize("objects", [0, 1])
@pytest.mark.parametrize("inner", ["MaxIoUAssigner", "GridAssigner"])
def test_only_background_inside_becomes_neither(inner: str, objects: int) -> None:
    ensure_mmcv()
    with quiet_libraries():
        import mmdet.models  # noqa: F401
        from mmengine.structures import InstanceData
    assigner = IgnoringAssigner(
        assigner={"type": inner, "pos_iou_thr": 0.5, "neg_iou_thr": 0.4, "min_pos_iou": 0.0}, ignore_iof_thr=0.5
    )
    prior_N4 = torch.tensor(
        [[0.0, 0.0, 10.0, 10.0], [1.0, 1.0, 4.0, 4.0], [8.0, 8.0, 18.0, 18.0], [50.0, 50.0, 60.0, 60.0]]
    )
    priors = InstanceData(priors=prior_N4, responsible_flags=torch.ones(4, dtype=torch.uint8))
    truth = InstanceData(bboxes=prior_N4[:objects].clone(), labels=torch.zeros(objects, dtype=torch.int64))
    ignored = InstanceData(bboxes=torch.tensor([[0.0, 0.0, 12.0, 12.0]]))
    expected = [1 if objects else -1, -1, 0, 0]
    assert assigner.assign(priors, truth, ignored).gt_inds.tolist() == expected
    truth.set_metainfo({"ignored_I4": ignored.bboxes})
    assert assigner.assign(priors, truth).gt_inds.tolist() == expected
    named = {"gt_instances": truth, "gt_instances_ignore": None}
    assert assigner.assign(pred_instances=priors, **named).gt_inds.tolist() == expected
    truth.set_metainfo({"ignored_I4": torch.zeros(0, 4)})
    assert assigner.assign(priors, truth).gt_inds.tolist() == [objects, 0, 0, 0]


@pytest.fixture(params=list(BACKGROUND))
def case(request: pytest.FixtureRequest) -> tuple[MMDetHead, str]:
    return tiny_head(request.param, classes=1).eval(), BACKGROUND[request.param]


def loss_of(case: tuple[MMDetHead, str], ignored: list, boxes: list = []) -> Any:  # noqa: B006
    head, name = case
    torch.manual_seed(0)
    maps = made_maps(head.strides, (96, 96), images=1)
    losses = head.loss(maps, [made_objects(boxes, [0] * len(boxes), ignored)], (96, 96))
    losses[name].backward()
    return float(losses[name].detach()), sum(float(map_BCRS.grad.abs().sum()) for map_BCRS in maps)


def test_an_image_that_is_ignored_teaches_nothing(case: tuple[MMDetHead, str]) -> None:
    """Without an object too, where mmdet itself forgets what it was told to ignore.

    Anchors that reach over the image's edge by more than half stay background: they are not in the region.
    """
    background, gradient = loss_of(case, [])
    widened = [[-1000.0, -1000.0, 1000.0, 1000.0]]
    assert background > 0
    assert gradient > 0
    assert loss_of(case, widened) == (0.0, 0.0)


def test_part_of_an_image_costs_less(case: tuple[MMDetHead, str]) -> None:
    box = [[60.0, 60.0, 90.0, 90.0]]
    assert 0 < loss_of(case, [[0.0, 0.0, 50.0, 50.0]], box)[0] < loss_of(case, [], box)[0]


def test_an_object_beside_still_counts(case: tuple[MMDetHead, str]) -> None:
    """With everything ignored what is left is the object."""
    assert loss_of(case, [[-1000.0, -1000.0, 1000.0, 1000.0]], [[20.0, 20.0, 70.0, 70.0]])[0] > 0
