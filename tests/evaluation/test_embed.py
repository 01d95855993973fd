"""One pass over the studies."""

import pytest
import torch

from src.core.errors import UserError
from src.evaluation.embed import autocast, embed_studies


def test_keeps_all_studies_in_order_and_restores_the_mode(stand_in, batches):
    stand_in.train()
    before = stand_in.norm.running_mean.clone()
    studies = embed_studies(stand_in, batches, device="cpu", precision="32-true")
    assert stand_in.training
    assert not any(stand_in.modes)
    assert torch.equal(stand_in.norm.running_mean, before)
    assert len(studies) == 7
    assert studies.row_N.tolist() == list(range(10, 17))
    image = torch.cat([batch.image_BCHW for batch in batches]).mean(dim=(2, 3))
    torch.testing.assert_close(studies.feature_NE, image)
    assert torch.equal(studies.label_NF, torch.cat([batch.label_BF for batch in batches]))
    torch.testing.assert_close(studies.text_ND.norm(dim=1), torch.ones(7))


def test_each_tower_runs_once_a_batch_and_a_frozen_model_stays_in_eval(stand_in, batches):
    stand_in.eval()
    embed_studies(stand_in, iter(batches), device="cpu", precision="32-true")
    assert len(stand_in.modes) == 4
    assert not stand_in.training


def test_the_features_may_be_trained_on(stand_in, batches):
    studies = embed_studies(stand_in, batches, device="cpu", precision="32-true")
    weight = torch.zeros(3, requires_grad=True)
    (studies.feature_NE @ weight).sum().backward()
    assert weight.grad is not None


@pytest.mark.parametrize(("precision", "dtype"), [("bf16-mixed", torch.bfloat16), ("32-true", torch.float32)])
def test_precision(precision: str, dtype: torch.dtype):
    with autocast(torch.device("cpu"), precision):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


def test_no_studies(stand_in):
    with pytest.raises(UserError, match="no studies"):
        embed_studies(stand_in, [], device="cpu", precision="32-true")


def test_not_finite_names_the_row_and_restores_the_mode(stand_in, batches):
    stand_in.train()
    batches[1].image_BCHW[1] = float("nan")
    with pytest.raises(UserError, match=r"1 of 7 studies \(first: row 15\)"):
        embed_studies(stand_in, batches, device="cpu", precision="32-true")
    assert stand_in.training
