"""Every loss of conf/loss with the settings of its yaml, under every rule it has."""

import pytest
import torch

from src.losses.base import Loss
from tests.losses.every import NAMES, has_rules, make_loss
from tests.losses.inputs import Shape

CASES = [
    (name, rules) for name in NAMES for rules in (("published", "corrected") if has_rules(name) else ("corrected",))
]


@pytest.fixture(params=CASES, ids="-".join)
def loss(request: pytest.FixtureRequest) -> Loss:
    """One loss after the other, for embeddings as wide as Shape has them."""
    name, rules = request.param
    torch.manual_seed(0)
    return make_loss(name, width=Shape().width, rules=rules)
