"""Fractions of the training images: nested, in proportion, and as published."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data.subset import choose_subset


@given(st.integers(1, 400), st.integers(0, 3), st.integers(1, 3), st.integers(0, 5))
def test_nested_and_of_the_right_size(size: int, findings: int, values: int, seed: int) -> None:
    label_NF = np.random.default_rng(seed).integers(0, values, (size, findings)).astype(np.float32)
    label_NF[label_NF == 2] = np.nan
    last: set[int] = set()
    for fraction in (0.01, 0.1, 0.37, 1.0):
        chosen = choose_subset(label_NF, fraction, sampling="stratified", seed=seed)
        assert len(chosen) == len(set(chosen.tolist())) == math.ceil(round(fraction * size, 9))
        assert (np.diff(chosen) > 0).all()
        assert last <= set(chosen.tolist())
        last = set(chosen.tolist())


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5])
def test_in_proportion(fraction: float) -> None:
    label_NF = (np.random.default_rng(0).random((20_000, 1)) < 0.03).astype(np.float32)
    for seed in range(5):
        chosen = choose_subset(label_NF, fraction, sampling="stratified", seed=seed)
        assert abs(label_NF[chosen].sum() - fraction * label_NF.sum()) <= 1


def test_every_finding_of_many_stays_near_its_share() -> None:
    rng = np.random.default_rng(1)
    label_NF = (rng.random((5_000, 14)) < np.linspace(0.02, 0.4, 14)).astype(np.float32)
    chosen = choose_subset(label_NF, 0.1, sampling="stratified", seed=2)
    share, whole = label_NF[chosen].mean(axis=0), label_NF.mean(axis=0)
    assert np.abs(share - whole).max() < 3 * np.sqrt(0.25 / 500)


def test_seeds_draw_different_images() -> None:
    label_NF = np.zeros((1000, 1), dtype=np.float32)
    first, second = (set(choose_subset(label_NF, 0.1, sampling="stratified", seed=seed)) for seed in (1, 2))
    assert len(first & second) < 30


@pytest.mark.parametrize("fraction", [0.01, 0.1])
def test_published_is_pandas_sample_whatever_the_seed(fraction: float) -> None:
    wanted = pd.DataFrame(index=range(18_678)).sample(frac=fraction, random_state=42).index
    for seed in (0, 7):
        chosen = choose_subset(np.zeros((18_678, 1)), fraction, sampling="published", seed=seed)
        assert chosen.tolist() == sorted(wanted)


def test_published_draws_one_image_at_least() -> None:
    assert len(choose_subset(np.zeros((20, 1)), 0.01, sampling="published", seed=0)) == 1
