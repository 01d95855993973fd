"""Learning rates that fall layer by layer."""

import pytest
import torch
from torch import nn

from src.engine.optimizers import LayerwiseAdamW


def test_each_layer_learns_at_a_share_of_the_one_above() -> None:
    from timm import create_model

    network = create_model("vit_tiny_patch16_224", embed_dim=16, depth=2, num_heads=2, img_size=32, num_classes=0)
    encoder, head = nn.Module(), nn.Linear(16, 3)
    encoder.model = network
    optimizer = LayerwiseAdamW(lr=0.1, layer_decay=0.5, betas=[0.9, 0.999], weight_decay=0.05)([encoder, head])
    rate = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert rate[id(head.weight)] == pytest.approx(0.1)
    above, below = network.blocks[1].mlp.fc1.weight, network.blocks[0].mlp.fc1.weight
    patches = network.patch_embed.proj.weight
    assert rate[id(below)] == pytest.approx(0.5 * rate[id(above)])
    assert rate[id(patches)] == pytest.approx(0.5 * rate[id(below)])
    assert rate[id(above)] == pytest.approx(0.05)
    assert decay[id(above)] == 0.05
    assert decay[id(network.blocks[1].norm1.weight)] == decay[id(head.bias)] == 0.0
    assert len(rate) == len([*network.parameters(), *head.parameters()])


def test_it_takes_any_network() -> None:
    encoder = nn.Module()
    encoder.model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    optimizer = LayerwiseAdamW(lr=0.1, layer_decay=0.5, betas=[0.9, 0.999], weight_decay=0.0)([encoder])
    for parameter in encoder.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    assert isinstance(optimizer, torch.optim.AdamW)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 4
