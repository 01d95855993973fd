"""Losses that several processes cannot compute as one would are refused, whatever makes them so."""

import pytest
import torch

from src.core.errors import UserError
from src.losses.base import Loss
from src.losses.in_parts import refuse_wrong_in_parts
from tests.losses.every import NAMES, make_loss
from tests.losses.inputs import Shape

WIDTH = Shape().width


class OwnBatch(Loss):
    """Contrasts each image with the reports of its own process alone."""

    def compute(self, embeddings):
        score_BB = embeddings.image_global_BD @ embeddings.text_global_BD.mT / 0.1
        return torch.nn.functional.cross_entropy(score_BB, torch.arange(len(score_BB)))


class Sum(Loss):
    """Adds up its pairs."""

    def compute(self, embeddings):
        return (embeddings.image_global_BD - embeddings.text_global_BD).square().sum()


class NoGradientThroughCandidates(Loss):
    """Has the value of the whole batch, and the gradient of a part of it."""

    def compute(self, embeddings):
        _, text_ND, own_B = embeddings.candidates
        score_BN = embeddings.image_global_BD @ text_ND.mT / 0.1
        if embeddings.text_candidate_ND is not None:
            score_BN = embeddings.image_global_BD @ text_ND.detach().mT / 0.1
        return torch.nn.functional.cross_entropy(score_BN, own_B)


class RunningCentre(Loss):
    """Counts the images of its own process in a buffer."""

    def __init__(self, *, weight):
        super().__init__(weight=weight)
        self.register_buffer("centre_D", torch.zeros(WIDTH))

    def compute(self, embeddings):
        self.centre_D += embeddings.image_global_BD.detach().mean(dim=0)
        return (embeddings.image_global_BD - embeddings.text_global_BD).square().sum(dim=1).mean()


class Declared(OwnBatch):
    distributed = False


class Random(Loss):
    """Draws its pairs, so that no two calls agree."""

    def compute(self, embeddings):
        weight_B = torch.rand(len(embeddings.image_global_BD))
        return (weight_B * (embeddings.image_global_BD * embeddings.text_global_BD).sum(dim=1)).mean()


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (OwnBatch, "its value over two parts of a batch is not that over the whole batch"),
        (Sum, "its value over two parts"),
        (NoGradientThroughCandidates, "its gradient over two parts"),
        (RunningCentre, "its state over two parts"),
        (Declared, "as its class declares"),
    ],
)
def test_a_wrong_loss_is_refused(wrong, what):
    with pytest.raises(
        UserError, match=rf"loss\.mine \({wrong.__name__}\) cannot be right on several processes.*{what}"
    ):
        refuse_wrong_in_parts({"mine": wrong(weight=1.0)}, width=WIDTH)


@pytest.mark.parametrize("rules", ["published", "corrected"])
def test_those_of_conf_pass_and_stay_as_they_are(rules):
    losses = {name: make_loss(name, width=WIDTH, rules=rules) for name in NAMES}
    right = {name: loss for name, loss in losses.items() if loss.distributed}
    before = {name: {key: value.clone() for key, value in loss.state_dict().items()} for name, loss in right.items()}
    drawn = torch.random.get_rng_state()
    refuse_wrong_in_parts(right, width=WIDTH)
    torch.testing.assert_close({name: dict(loss.state_dict()) for name, loss in right.items()}, before)
    assert torch.equal(torch.random.get_rng_state(), drawn)


def test_a_loss_that_draws_cannot_be_compared():
    refuse_wrong_in_parts({"mine": Random(weight=1.0)}, width=WIDTH)
