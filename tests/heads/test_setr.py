"""SETR's decoder against its formula, written out in float64."""

import pytest
import torch
from omegaconf import OmegaConf
from torch.nn import functional as fn

from src.core.errors import UserError
from src.heads.setr import SETRHead
from tests.heads.every import CONF
from tests.heads.made_maps import CHANNELS, made_maps, tiny_head, without_gradient


@pytest.mark.parametrize("size", [(96, 96), (100, 70)])
@pytest.mark.parametrize("classes", [1, 3])
def test_it_trains(size: tuple[int, int], classes: int) -> None:
    head = tiny_head("setr_pup", classes=classes)
    (map_BCRS,) = maps = made_maps(head.strides, size)
    logit_BFHW = head(maps, size)
    assert logit_BFHW.shape == (2, classes, *size)
    logit_BFHW.square().mean().backward()
    assert without_gradient(head) == []
    assert map_BCRS.grad.abs().sum() > 0


def test_it_is_the_released_decoder() -> None:
    head = SETRHead(channels={16: 6}, classes=2, strides=[16], decoder_channels=[5, 4, 3, 3]).double()
    for name, value in head.named_buffers():
        # statistics that are no identity
        if not name.endswith("num_batches_tracked"):
            value.uniform_(0.5, 1.5)
    head.eval()
    map_BCRS = torch.randn(2, 6, 3, 4, dtype=torch.float64)
    state = head.state_dict()
    value = torch.einsum("oc,bcrs->bors", state["dense.weight"][:, :, 0, 0], map_BCRS)
    value = value + state["dense.bias"][:, None, None]
    for step in range(4):
        value = fn.conv2d(value, state[f"decoder.{step}.0.weight"], state[f"decoder.{step}.0.bias"], padding=1)
        mean, variance, weight, bias = (
            state[f"decoder.{step}.1.{name}"][:, None, None]
            for name in ("running_mean", "running_var", "weight", "bias")
        )
        value = ((value - mean) / (variance + 1e-5).sqrt() * weight + bias).clamp(min=0)
        value = _doubled(_doubled(value).mT).mT
    wanted = fn.conv2d(value, state["last.weight"], state["last.bias"], padding=1)
    found = head([map_BCRS], (48, 64))
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, wanted)


def _doubled(value: torch.Tensor) -> torch.Tensor:
    """Twice as many columns, the first and the last of which are those that were there, linearly between."""
    count = value.shape[-1]
    at = torch.arange(2 * count, dtype=torch.float64) * (count - 1) / (2 * count - 1)
    low = at.floor().long().clamp(max=count - 2)
    return value[..., low] + (value[..., low + 1] - value[..., low]) * (at - low)


def test_the_published_widths() -> None:
    head = tiny_head("setr_pup")
    assert list(OmegaConf.load(CONF / "setr_pup.yaml").decoder_channels) == [512, 256, 128, 64]
    assert not [name for name, _ in head.named_modules() if "norm" in name.lower()]
    assert head.last.kernel_size == (3, 3)


def test_it_works_under_mixed_precision() -> None:
    head = tiny_head("setr_pup")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logit_BFHW = head([map_BCRS.bfloat16() for map_BCRS in made_maps(head.strides, (96, 96))], (96, 96))
    assert logit_BFHW.dtype == torch.float32
    assert logit_BFHW.isfinite().all()


@pytest.mark.parametrize(("strides", "widths"), [([8], [8] * 4), ([16, 32], [8] * 4), ([16], [8])])
def test_settings_that_do_not_fit(strides: list[int], widths: list[int]) -> None:
    with pytest.raises(UserError, match=r"head\.decoder_channels do not fit"):
        SETRHead(channels=CHANNELS, classes=1, strides=strides, decoder_channels=widths)
