"""mmdet's detectors on made maps."""

import importlib.util
import sys
from typing import Any

import pytest
import torch

from src.core import mmcv_ops
from src.core.dense import Detections
from src.core.errors import UserError
from src.core.nms import overlap
from src.heads.mmdet_head import MMDetHead
from tests.heads.made_maps import CHANNELS, made_maps, made_objects, tiny_head, without_gradient

RECIPES = {"yolov3": (60, 0.003), "retinanet": (60, 0.001), "faster_rcnn": (30, 0.001)}
NAMES = tuple(RECIPES)
NONE = made_objects([], [])
SEVERAL = made_objects([[10, 12, 50, 60], [40, 5, 65, 33], [2, 2, 18, 14]], [0, 1, 1])

FCOS: dict[str, Any] = {
    "type": "FCOS",
    "neck": {"type": "FPN", "in_channels": "$channels", "out_channels": 16, "num_outs": 3},
    "bbox_head": {
        "type": "FCOSHead",
        "num_classes": "$classes",
        "in_channels": 16,
        "feat_channels": 16,
        "stacked_convs": 1,
        "strides": [8, 16, 32],
        "regress_ranges": [[-1, 32], [32, 64], [64, 100000]],
        "norm_cfg": None,
    },
    "test_cfg": {"nms_pre": 100, "score_thr": 0.001, "nms": {"type": "nms", "iou_threshold": 0.5}, "max_per_img": 20},
}


@pytest.fixture(scope="module", params=NAMES)
def head(request: pytest.FixtureRequest) -> MMDetHead:
    return tiny_head(request.param)


def check(found: list[Detections], size: tuple[int, int], classes: int) -> None:
    """Boxes lie in the image and have an area; certain ones come first."""
    for box_N4, score_N, class_N in found:
        assert box_N4.dtype == score_N.dtype == torch.float32
        assert class_N.dtype == torch.int64
        assert len(box_N4) == len(score_N) == len(class_N)
        assert (score_N.diff() <= 0).all()
        assert ((score_N >= 0) & (score_N <= 1)).all()
        assert ((class_N >= 0) & (class_N < classes)).all()
        assert (box_N4[:, 2:] > box_N4[:, :2]).all()
        assert (box_N4 >= 0).all()
        assert (box_N4[:, 2] <= size[1]).all()
        assert (box_N4[:, 3] <= size[0]).all()


@pytest.mark.parametrize("size", [(96, 96), (100, 70)])
@pytest.mark.parametrize("objects", [[NONE, NONE], [SEVERAL, NONE]], ids=["no object", "several objects"])
def test_it_trains_and_detects(head: MMDetHead, size: tuple[int, int], objects: list) -> None:
    head.zero_grad()
    maps = made_maps(head.strides, size)
    losses = head.train().loss(maps, objects, size)
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    assert all(loss.shape == () for loss in losses.values())
    assert total.isfinite()
    assert without_gradient(head) == []
    assert all(map_BCRS.grad is not None for map_BCRS in maps)
    check(head.eval().detect(maps, size), size, classes=2)


def test_it_works_under_mixed_precision(head: MMDetHead) -> None:
    maps = made_maps(head.strides, (96, 96))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = head.train().loss([map_BCRS.bfloat16() for map_BCRS in maps], [SEVERAL, NONE], (96, 96))
        found = head.eval().detect([map_BCRS.bfloat16() for map_BCRS in maps], (96, 96))
    assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in losses.values())
    check(found, (96, 96), classes=2)


def test_a_class_past_the_heads(head: MMDetHead) -> None:
    wrong = made_objects([[1, 1, 20, 20]], [2])
    with pytest.raises(UserError, match=r"class index 2, but the head has 2 classes"):
        head.loss(made_maps(head.strides, (96, 96)), [NONE, wrong], (96, 96))


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_where_an_object_is(name: str) -> None:
    head = tiny_head(name, classes=1)
    objects = [made_objects([[20, 30, 70, 80]], [0])]
    maps = [map_BCRS.detach() for map_BCRS in made_maps(head.strides, (96, 96), images=1)]
    steps, rate = RECIPES[name]
    optimizer = torch.optim.AdamW(head.parameters(), lr=rate)
    course = []
    for _ in range(steps):
        optimizer.zero_grad()
        total = torch.stack(list(head.loss(maps, objects, (96, 96)).values())).sum()
        total.backward()
        optimizer.step()
        course.append(total.item())
    assert course[-1] < course[0] / 2
    found = head.detect(maps, (96, 96))[0]
    assert overlap(found.box_N4[:10], objects[0].box_N4).max() > 0.5


def test_any_other_detector_by_its_config() -> None:
    head = MMDetHead(channels=CHANNELS, classes=3, strides=[8, 16, 32], config=FCOS)
    maps = made_maps(head.strides, (96, 96))
    losses = head.loss(maps, [SEVERAL, NONE], (96, 96))
    assert set(losses) == {"loss_cls", "loss_bbox", "loss_centerness"}
    assert torch.stack(list(losses.values())).sum().isfinite()
    check(head.eval().detect(maps, (96, 96)), (96, 96), classes=3)
    assert FCOS["neck"]["in_channels"] == "$channels"


def test_another_detector_with_our_assigner_around_its_own() -> None:
    """ATSS, whose assigner takes settings that others do not."""
    head = tiny_head(
        "retinanet",
        type="ATSS",
        neck__out_channels=32,
        bbox_head__type="ATSSHead",
        bbox_head__loss_bbox={"type": "GIoULoss"},
        bbox_head__anchor_generator__octave_base_scale=8,
        bbox_head__anchor_generator__scales_per_octave=1,
        bbox_head__anchor_generator__ratios=[1.0],
        train_cfg__assigner__assigner={"type": "ATSSAssigner", "topk": 9},
    )
    maps = made_maps(head.strides, (96, 96))
    losses = head.loss(maps, [SEVERAL, made_objects([], [], [[0, 0, 40, 40]])], (96, 96))
    assert set(losses) == {"loss_cls", "loss_bbox", "loss_centerness"}
    check(head.eval().detect(maps, (96, 96)), (96, 96), classes=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "NoSuchNet"}, r"head\.config cannot be built by mmdet: .*NoSuchNet"),
        ({"colour": "red"}, r"head\.config cannot be built by mmdet: .*'colour'"),
        ({"neck": {"type": "FPN", "in_channels": "$chanels"}}, r"head\.config has \$chanels, which stands for nothing"),
        ({"backbone": {"type": "ResNet"}}, r"head\.config has a backbone, which is the run's image encoder"),
        ({"neck": {"type": "FPN"}}, r"head\.config cannot be built by mmdet: .*in_channels"),
    ],
)
def test_a_wrong_config(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        MMDetHead(channels=CHANNELS, classes=1, strides=[8, 16, 32], config={**FCOS, **change})
    assert "\n" not in str(caught.value)


def test_a_stride_that_the_encoder_lacks() -> None:
    with pytest.raises(
        UserError, match=r"map of stride 64, which this encoder does not give; it gives 2, 4, 8, 16, 32"
    ):
        MMDetHead(channels=CHANNELS, classes=1, strides=[32, 64], config=FCOS)
    with pytest.raises(UserError, match=r"list each stride once, finest first"):
        MMDetHead(channels=CHANNELS, classes=1, strides=[32, 16], config=FCOS)


def test_mmdet_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mmdet", raising=False)
    found = importlib.util.find_spec
    monkeypatch.setattr(mmcv_ops.importlib.util, "find_spec", lambda name: None if name == "mmdet" else found(name))
    with pytest.raises(UserError, match=r"package mmdet is not installed.*make setup"):
        MMDetHead(channels=CHANNELS, classes=1, strides=[8, 16, 32], config=FCOS)


def test_building_says_nothing(capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder) -> None:
    tiny_head("yolov3")
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
