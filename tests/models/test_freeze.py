"""Which blocks of an encoder learn."""

import pytest
import torch
from torch import nn

from src.core.errors import UserError
from src.core.torchvision_ops import ensure_torchvision
from src.models.freeze import hold_frozen, train_last_blocks

ensure_torchvision()


@pytest.fixture
def vit() -> nn.Module:
    import timm

    return timm.create_model("vit_tiny_patch16_224", img_size=32, embed_dim=16, depth=3, num_heads=2, num_classes=0)


def _learning(network: nn.Module) -> set[str]:
    return {name.split(".")[0] + "." + name.split(".")[1] for name, p in network.named_parameters() if p.requires_grad}


def test_the_last_blocks_of_a_vit_with_its_norm(vit: nn.Module) -> None:
    train_last_blocks(vit, 2)
    assert _learning(vit) == {"blocks.1", "blocks.2", "norm.weight", "norm.bias"}


def test_the_last_blocks_of_a_resnet() -> None:
    import timm

    network = timm.create_model("resnet10t", num_classes=0)
    train_last_blocks(network, 1)
    assert _learning(network) == {"layer4.0"}


def test_frozen_batch_norms_keep_their_statistics() -> None:
    import timm

    network = timm.create_model("resnet10t", num_classes=0, channels=[8, 8, 8, 8], stem_width=4)
    train_last_blocks(network, 1)
    network.train()
    hold_frozen(network)
    before = {name: value.clone() for name, value in network.named_buffers()}
    network(torch.randn(2, 3, 32, 32))
    changed = {name for name, value in network.named_buffers() if not torch.equal(before[name], value)}
    assert changed
    assert all(name.startswith("layer4.0") for name in changed)


def test_more_blocks_than_there_are(vit: nn.Module) -> None:
    with pytest.raises(UserError, match=r"tuning.trained_blocks=9: this image encoder has 4 blocks"):
        train_last_blocks(vit, 9)
