import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.losses.sinkhorn import sinkhorn
from tests.losses import naive

sizes = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**31))


def scores_of(size, dtype=torch.float64):
    samples, prototypes, seed = size
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.rand(samples, prototypes, generator=generator, dtype=torch.float64) - 1).to(dtype)


@given(size=sizes, iterations=st.integers(1, 4))
def test_equals_the_published_listing(size, iterations):
    score_BK = scores_of(size)
    expected = torch.tensor(naive.sinkhorn(score_BK.tolist(), epsilon=0.05, iterations=iterations), dtype=torch.float64)
    torch.testing.assert_close(sinkhorn(score_BK, epsilon=0.05, iterations=iterations), expected)
    single = sinkhorn(score_BK.float(), epsilon=0.05, iterations=iterations)
    torch.testing.assert_close(single, expected.float(), rtol=2e-5, atol=1e-6)


@given(size=sizes)
def test_rows_sum_to_one_and_columns_share_the_batch(size):
    samples, prototypes, _ = size
    code_BK = sinkhorn(scores_of(size), epsilon=0.5, iterations=200)
    torch.testing.assert_close(code_BK.sum(dim=1), torch.ones(samples, dtype=torch.float64))
    torch.testing.assert_close(
        code_BK.sum(dim=0), torch.full((prototypes,), samples / prototypes, dtype=torch.float64), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e3, 1e6])
def test_any_scores_give_codes_in_float32(scale):
    code_BK = sinkhorn(scale * scores_of((8, 5, 1), torch.float32), epsilon=0.05, iterations=3)
    torch.testing.assert_close(code_BK.sum(dim=1), torch.ones(8))


@given(size=sizes, shift=st.floats(-50, 50))
def test_a_common_shift_changes_nothing(size, shift):
    score_BK = scores_of(size)
    torch.testing.assert_close(
        sinkhorn(score_BK + shift, epsilon=0.05, iterations=3), sinkhorn(score_BK, epsilon=0.05, iterations=3)
    )


def test_by_hand():
    """exp = [[3, 1], [1, 1]]; columns divided: [[3/4, 1/2], [1/4, 1/2]]; rows: [[3/5, 2/5], [1/3, 2/3]]."""
    score_BK = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]], dtype=torch.float64)
    expected = torch.tensor([[3 / 5, 2 / 5], [1 / 3, 2 / 3]], dtype=torch.float64)
    torch.testing.assert_close(sinkhorn(score_BK, epsilon=1.0, iterations=1), expected)
