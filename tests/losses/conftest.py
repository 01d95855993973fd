"""Every loss with the settings of its yaml, under every rule it has."""

from functools import partial

import pytest
import torch

from src.losses.base import Loss
from src.losses.clip import ClipLoss
from src.losses.cpa import CrossPrototypeAlignment
from src.losses.cta import CrossTokenAlignment
from src.losses.ita import InstanceAlignment
from src.losses.siglip import SiglipLoss
from tests.losses.inputs import Shape

RULED = {
    "ita": partial(InstanceAlignment, weight=1.0, temperature=0.07),
    "cta": partial(CrossTokenAlignment, weight=1.0, temperature=0.1, bidirectional=True),
    "cta-words": partial(CrossTokenAlignment, weight=1.0, temperature=0.1, bidirectional=False),
    "cpa": partial(
        CrossPrototypeAlignment,
        weight=1.0,
        embedding_dim=Shape().width,
        num_prototypes=10,
        temperature=0.2,
        epsilon=0.05,
        sinkhorn_iterations=3,
        freeze_epochs=1,
    ),
}
BUILDS = {
    f"{name}-{rules}": partial(build, rules=rules)
    for name, build in RULED.items()
    for rules in ("published", "corrected")
} | {
    "clip": partial(ClipLoss, weight=1.0, temperature=0.07, min_temperature=0.01),
    "siglip": partial(SiglipLoss, weight=1.0, temperature=0.1, bias=-10.0),
}


@pytest.fixture(params=list(BUILDS))
def loss(request: pytest.FixtureRequest) -> Loss:
    """One loss after the other, for embeddings as wide as Shape has them."""
    torch.manual_seed(0)
    return BUILDS[request.param]()
