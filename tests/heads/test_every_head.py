"""What holds for each head of conf/head alike; a new yaml is found without a change here.

Axes: B images, E feature width, F findings, H and W pixels.
"""

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from src.heads.objective import classification_loss
from src.heads.try_head import classification_head, try_dense_head
from tests.heads.every import NAMES, merged_yaml, task_of
from tests.heads.made_maps import CHANNELS, made_maps, made_objects, tiny_head

SIZE = (64, 64)
DENSE = [name for name in NAMES if task_of(name) != "classify"]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DENSE])
def test_a_classification_head_is_built_and_trained(name: str) -> None:
    torch.manual_seed(0)
    cfg = OmegaConf.create({"head": merged_yaml(name)})
    head = classification_head(lambda **given: instantiate(cfg.head, **given), in_dim=6, classes=3)
    feature_BE, label_BF = torch.randn(8, 6), torch.randint(0, 2, (8, 3)).float()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = classification_loss(head(feature_BE), label_BF, exclusive=False)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", DENSE)
def test_a_dense_head_is_built_and_has_gradients(name: str) -> None:
    head = tiny_head(name)
    try_dense_head(head, channels=CHANNELS, classes=2, size=SIZE)
    maps = made_maps(head.strides, SIZE)
    if task_of(name) == "segment":
        mask_BFHW = torch.zeros(2, 2, *SIZE)
        mask_BFHW[..., :20, :20] = 1
        loss = torch.nn.functional.binary_cross_entropy_with_logits(head(maps, SIZE), mask_BFHW)
    else:
        objects = [made_objects([[4.0, 4.0, 40.0, 40.0]], [1]), made_objects([], [])]
        loss = torch.stack([*head.loss(maps, objects, SIZE).values()]).sum()
    loss.backward()
    gradients = [parameter.grad for parameter in head.parameters() if parameter.grad is not None]
    assert loss.isfinite()
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.abs().max() > 0 for gradient in gradients)
