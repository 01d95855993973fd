"""mmsegmentation's decode heads on made maps."""

from typing import Any

import pytest
import torch
from torch.nn.functional import interpolate

from src.core.errors import UserError
from src.heads.mmseg_head import MMSegHead
from tests.heads.made_maps import CHANNELS, made_maps, tiny_head, without_gradient

BN = {"type": "BN", "requires_grad": True}
OTHERS: list[dict[str, Any]] = [
    {"type": "PSPHead", "in_channels": "$last_channels", "in_index": -1, "channels": 8, "pool_scales": [1, 2]},
    {
        "type": "DepthwiseSeparableASPPHead",
        "in_channels": "$last_channels",
        "in_index": -1,
        "channels": 8,
        "dilations": [1, 2],
        "c1_in_channels": CHANNELS[4],
        "c1_channels": 4,
    },
    {"type": "SegformerHead", "in_channels": "$channels", "in_index": [0, 1, 2, 3], "channels": 8},
]


@pytest.mark.parametrize("size", [(96, 96), (100, 70)])
@pytest.mark.parametrize("name", ["upernet", "fcn"])
@pytest.mark.parametrize("classes", [1, 2, 3])
def test_it_trains(name: str, size: tuple[int, int], classes: int) -> None:
    head = tiny_head(name, classes=classes)
    logit_BFHW = head(made_maps(head.strides, size), size)
    assert logit_BFHW.shape == (2, classes, *size)
    logit_BFHW.square().mean().backward()
    assert without_gradient(head) == []
    assert head.decoder.conv_seg.weight.std() < 0.02  # the library's own initial weights


@pytest.mark.parametrize("config", OTHERS, ids=lambda config: config["type"])
def test_any_other_head_by_its_config(config: dict[str, Any]) -> None:
    own = {**config, "num_classes": "$classes", "norm_cfg": BN, "align_corners": False}
    head = MMSegHead(channels=CHANNELS, classes=2, strides=[4, 8, 16, 32], config=own)
    logit_BFHW = head(made_maps(head.strides, (96, 96)), (96, 96))
    logit_BFHW.square().mean().backward()
    assert logit_BFHW.shape == (2, 2, 96, 96)
    assert without_gradient(head) == []


@pytest.mark.parametrize("corners", [True, False])
def test_logits_are_interpolated_as_the_head_says(corners: bool) -> None:
    head = tiny_head("fcn", align_corners=corners).eval()
    maps = made_maps(head.strides, (96, 96))
    expected = interpolate(head.decoder(maps), size=(96, 96), mode="bilinear", align_corners=corners)
    assert torch.equal(head(maps, (96, 96)), expected)


@pytest.mark.parametrize("name", ["upernet", "fcn"])
def test_it_works_under_mixed_precision(name: str) -> None:
    head = tiny_head(name)
    maps = made_maps(head.strides, (96, 96))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logit_BFHW = head([map_BCRS.bfloat16() for map_BCRS in maps], (96, 96))
    assert logit_BFHW.dtype == torch.float32
    assert logit_BFHW.isfinite().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "NoSuchHead"}, r"head\.config cannot be built by mmseg: .*NoSuchHead"),
        ({"colour": "red"}, r"head\.config cannot be built by mmseg: .*'colour'"),
        ({"num_classes": 5}, r"head\.config gives 5 channels, but the data set has 2 findings"),
    ],
)
def test_a_wrong_config(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        tiny_head("fcn", **change)


def test_building_says_nothing(capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder) -> None:
    tiny_head("fcn", classes=1)
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
