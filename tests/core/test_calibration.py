"""The calibration error's bins, edge by edge, and the error against plain numpy."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.core.calibration import BINS, calibration_bin, expected_calibration_error


def naive_bin(probability: float) -> int:
    """In exact arithmetic: the last k whose edge, the double nearest to k / BINS, is not above it; 1 is in the last."""
    return max(k for k in range(BINS) if Fraction(probability) >= Fraction(k / BINS))


def naive_error(probability: np.ndarray, positive: np.ndarray, weight: np.ndarray) -> float:
    place = np.array([naive_bin(float(p)) for p in probability])
    total = 0.0
    for k in range(BINS):
        own = place == k
        if weight[own].sum():
            confidence = np.average(probability[own], weights=weight[own])
            observed = np.average(positive[own], weights=weight[own])
            total += weight[own].sum() / weight.sum() * abs(confidence - observed)
    return total


def test_every_edge_belongs_to_the_bin_above_it_and_one_to_the_last() -> None:
    edges = [k / BINS for k in range(BINS + 1)]
    below = [float(np.nextafter(edge, 0)) for edge in edges[1:]]
    assert calibration_bin(torch.tensor(edges, dtype=torch.float64)).tolist() == [*range(BINS), BINS - 1]
    assert calibration_bin(torch.tensor(below, dtype=torch.float64)).tolist() == [*range(BINS)]


def test_a_certain_prediction_shares_the_bin_of_a_nearly_certain_one() -> None:
    """Two cases at 1 and two at 0.9, of which all but one at 1 are positive: one bin whose gaps cancel in part.

    The bin's mean probability is 0.95 and three of four are positive, so the error is 0.2. With a bin of its own for
    1, it would be 0.5 x |1 - 0.5| + 0.5 x |0.9 - 1| = 0.3.
    """
    probability = torch.tensor([1.0, 1.0, 0.9, 0.9], dtype=torch.float64)
    positive = torch.tensor([1.0, 0.0, 1.0, 1.0], dtype=torch.float64)
    error = expected_calibration_error(probability, positive, torch.ones(4, 1))
    assert error.tolist() == pytest.approx([0.2])


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.integers(0, 3)), min_size=1, max_size=30))
def test_against_numpy(cases: list[tuple[int, bool, int]]) -> None:
    probability = np.array([p / 20 for p, _, _ in cases])
    positive = np.array([float(y) for _, y, _ in cases])
    weight = np.array([[w, 1] for _, _, w in cases], dtype=float)
    if not weight[:, 0].sum():
        return
    found = expected_calibration_error(
        torch.from_numpy(probability), torch.from_numpy(positive), torch.from_numpy(weight)
    )
    wanted = [naive_error(probability, positive, weight[:, r]) for r in range(2)]
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-12)
