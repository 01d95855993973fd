"""Maps of every stride from any encoder."""

import math

import pytest
import torch
from torch import Tensor, nn

from src.core.torchvision_ops import ensure_torchvision
from src.models.features import ImageEncoder, ImageFeatures
from src.models.pyramid import ChannelNorm, MapPyramid

ensure_torchvision()


class OneMap(ImageEncoder):
    """A made encoder of patches; new encoders need no more than ``forward``."""

    def __init__(self, *, patch: int, width: int) -> None:
        super().__init__()
        self.model = nn.Conv2d(3, width, kernel_size=patch, stride=patch)
        self.global_dim = self.local_dim = width

    def forward(self, image_BCHW: Tensor) -> ImageFeatures:
        map_BERS = self.model(image_BCHW)
        return ImageFeatures(
            global_BE=map_BERS.mean(dim=(2, 3)),
            local_BPE=map_BERS.flatten(2).transpose(1, 2),
            attention_BP=None,
            grid=(map_BERS.shape[2], map_BERS.shape[3]),
        )


@pytest.mark.parametrize("patch", [8, 14, 16, 32])
def test_an_encoder_of_one_map_gets_all_strides(patch: int) -> None:
    size, own = (patch * 8, patch * 12), {14: 16}.get(patch, patch)
    encoder = OneMap(patch=patch, width=32)
    pyramid = MapPyramid(encoder, size=size)
    pyramid.keep([4, 8, 16, 32])
    maps = pyramid(encoder.maps(torch.randn(2, 3, *size)), size)
    for map_BERS, stride in zip(maps, (4, 8, 16, 32), strict=True):
        assert map_BERS.shape[1] == pyramid.channels[stride]
        # places of the own stride are whole, and finer and coarser maps cover the same ground
        covered = [math.ceil(side / own) * own for side in size]
        assert list(map_BERS.shape[2:]) == [math.ceil(side / stride) for side in covered]


def test_the_map_of_the_own_stride_is_handed_on_as_it_is() -> None:
    encoder = OneMap(patch=16, width=8)
    pyramid = MapPyramid(encoder, size=(64, 32))
    pyramid.keep([16])
    image_BCHW = torch.randn(2, 3, 64, 32)
    (map_BERS,) = pyramid(encoder.maps(image_BCHW), (64, 32))
    torch.testing.assert_close(map_BERS, encoder.model(image_BCHW))
    assert not list(pyramid.parameters())


def test_only_the_layers_of_the_strides_asked_for_are_trained() -> None:
    encoder = OneMap(patch=16, width=8)
    pyramid = MapPyramid(encoder, size=(64, 64))
    pyramid.keep([8, 16, 32])
    sum(map_BERS.sum() for map_BERS in pyramid(encoder.maps(torch.randn(1, 3, 64, 64)), (64, 64))).backward()
    assert all(parameter.grad is not None for parameter in pyramid.parameters())
    assert len(list(pyramid.parameters())) == 2


def test_pooling_makes_the_coarser_map() -> None:
    encoder = OneMap(patch=16, width=4)
    pyramid = MapPyramid(encoder, size=(64, 64))
    pyramid.keep([32])
    own_BERS = torch.arange(16.0).reshape(1, 1, 4, 4).expand(1, 4, 4, 4)
    (map_BERS,) = pyramid([own_BERS], (64, 64))
    assert map_BERS[0, 0].tolist() == [[5, 7], [13, 15]]


def test_trying_the_encoder_leaves_it_as_it_was() -> None:
    encoder = OneMap(patch=16, width=4).train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    MapPyramid(encoder, size=(64, 64))
    assert encoder.training
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


def test_channel_norm_normalises_each_place() -> None:
    map_BERS = ChannelNorm(6)(torch.randn(2, 6, 3, 5) * 4 + 2)
    torch.testing.assert_close(map_BERS.mean(dim=1), torch.zeros(2, 3, 5), atol=1e-5, rtol=0)
    torch.testing.assert_close(map_BERS.var(dim=1, unbiased=False), torch.ones(2, 3, 5), atol=1e-3, rtol=0)
