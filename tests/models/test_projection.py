"""Projections: equal to PyTorch's layers, and blind to padding where a mask is given."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from src.models.projection import Projection, RowBatchNorm


@given(rows=st.integers(2, 9), affine=st.booleans(), seed=st.integers(0, 99))
def test_is_batch_norm(rows: int, affine: bool, seed: int) -> None:
    torch.manual_seed(seed)
    theirs, ours = nn.BatchNorm1d(3, affine=affine), RowBatchNorm(3, affine=affine, sync=False)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for _ in range(2):
        row_NC = torch.randn(rows, 3) * 4 + 2
        torch.testing.assert_close(ours(row_NC), theirs(row_NC))
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)
    torch.testing.assert_close(ours.eval()(row_NC), theirs.eval()(row_NC))


@given(true=st.integers(2, 6), padding=st.integers(0, 5), affine=st.booleans(), seed=st.integers(0, 99))
def test_masked_is_batch_norm_of_the_true_rows(true: int, padding: int, affine: bool, seed: int) -> None:
    torch.manual_seed(seed)
    theirs = nn.BatchNorm1d(3, affine=affine).double()
    ours = RowBatchNorm(3, affine=affine, sync=False).double()
    if affine:
        ours.load_state_dict({**theirs.state_dict(), "weight": torch.rand(3), "bias": torch.rand(3)})
        theirs.load_state_dict(ours.state_dict())
    mask_N = (torch.arange(true + padding) < true)[torch.randperm(true + padding)]
    one = (torch.randn(true + padding, 3, dtype=torch.float64) * 3 + 1).requires_grad_()
    other = one.detach()[mask_N].requires_grad_()
    weight = torch.randn(true, 3, dtype=torch.float64)
    masked, plain = ours(one, mask_N)[mask_N], theirs(other)
    torch.testing.assert_close(masked, plain)
    (masked * weight).sum().backward()
    (plain * weight).sum().backward()
    torch.testing.assert_close(one.grad[mask_N], other.grad)
    assert not one.grad[~mask_N].any()
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)


def test_one_true_row_stays_finite() -> None:
    norm = RowBatchNorm(3, affine=True, sync=False)
    assert norm(torch.randn(4, 3), torch.tensor([True, False, False, False])).isfinite().all()
    assert norm.running_var.isfinite().all()


def test_is_the_published_convolution() -> None:
    theirs = nn.Sequential(
        nn.Conv1d(5, 7, 1), nn.BatchNorm1d(7), nn.ReLU(), nn.Conv1d(7, 4, 1), nn.BatchNorm1d(4, affine=False)
    )
    ours = Projection(in_dim=5, hidden_dim=7, out_dim=4, sync=False)
    names = {"0": "expand", "1": "expand_norm", "3": "reduce", "4": "reduce_norm"}
    for key, value in theirs.state_dict().items():
        index, _, leaf = key.partition(".")
        ours.state_dict()[f"{names[index]}.{leaf}"].copy_(value.squeeze(-1) if value.ndim == 3 else value)
    local_BPC = torch.randn(2, 6, 5)
    projected = ours(local_BPC.flatten(0, 1)).unflatten(0, (2, 6))
    torch.testing.assert_close(projected, theirs(local_BPC.mT).mT, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_statistics_keep_their_precision_under_autocast(dtype: torch.dtype) -> None:
    row_NC = torch.randn(64, 3) + 30
    mask_N = torch.rand(64) > 0.3
    exact, mixed = RowBatchNorm(3, affine=True, sync=False), RowBatchNorm(3, affine=True, sync=False)
    exact(row_NC.to(dtype).float(), mask_N)
    with torch.autocast("cpu", dtype=dtype):
        assert mixed(row_NC.to(dtype), mask_N).dtype == dtype
    torch.testing.assert_close(mixed.running_mean, exact.running_mean)
    torch.testing.assert_close(mixed.running_var, exact.running_var)
