"""The U-Net's decoder on made maps."""

import sys

import pytest
import torch

from src.core.errors import UserError
from src.heads.unet import UNetHead
from tests.heads.made_maps import CHANNELS, made_maps, tiny_head, without_gradient

WITHOUT_2 = {stride: width for stride, width in CHANNELS.items() if stride != 2}


@pytest.mark.parametrize("size", [(96, 96), (100, 70)])
@pytest.mark.parametrize("channels", [CHANNELS, WITHOUT_2], ids=["stride 2", "no stride 2"])
def test_it_trains(channels: dict[int, int], size: tuple[int, int]) -> None:
    head = tiny_head("unet", classes=3, channels=channels)
    assert head.strides == tuple(channels)
    maps = made_maps(head.strides, size)
    logit_BFHW = head(maps, size)
    assert logit_BFHW.shape == (2, 3, *size)
    logit_BFHW.square().mean().backward()
    assert without_gradient(head) == []
    assert all(map_BCRS.grad.abs().sum() > 0 for map_BCRS in maps)


def test_it_is_the_librarys_whole_network() -> None:
    """The same weights in its own U-Net give the same map."""
    import segmentation_models_pytorch as smp

    whole = smp.Unet("resnet18", encoder_weights=None, decoder_channels=(16, 16, 8, 8, 8), classes=2).eval()
    image_BCHW = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    maps = whole.encoder(image_BCHW)[1:]
    head = UNetHead(
        channels=dict(zip((2, 4, 8, 16, 32), whole.encoder.out_channels[1:], strict=True)),
        classes=2,
        strides=[2, 4, 8, 16, 32],
        decoder_channels=[16, 16, 8, 8, 8],
        dropout=0.0,
    ).eval()
    head.decoder.load_state_dict(whole.decoder.state_dict())
    head.last.load_state_dict(whole.segmentation_head[0].state_dict())
    with torch.no_grad():
        assert torch.allclose(head(maps, (64, 64)), whole(image_BCHW), atol=1e-6)


def test_it_works_under_mixed_precision() -> None:
    head = tiny_head("unet")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logit_BFHW = head([map_BCRS.bfloat16() for map_BCRS in made_maps(head.strides, (96, 96))], (96, 96))
    assert logit_BFHW.dtype == torch.float32
    assert logit_BFHW.isfinite().all()


@pytest.mark.parametrize(
    ("strides", "widths", "message"),
    [
        ([4, 8, 16], [8, 8], r"decoder_channels has 2 numbers, but it takes 4 doublings from stride 16"),
        ([4, 8, 64], [8] * 6, r"map of stride 64, which this encoder does not give"),
        ([2, 12], [8] * 3, r"a U-Net reads strides 2, 4, 8, 16 and so on"),
    ],
)
def test_settings_that_do_not_fit(strides: list[int], widths: list[int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        UNetHead(channels={**CHANNELS, 12: 4}, classes=1, strides=strides, decoder_channels=widths, dropout=0.0)


def test_the_library_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.delitem(sys.modules, "segmentation_models_pytorch", raising=False)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "segmentation_models_pytorch" else found(name)
    )
    with pytest.raises(UserError, match="package segmentation_models_pytorch is not installed"):
        tiny_head("unet")
