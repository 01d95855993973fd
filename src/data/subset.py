"""Which training images stay when labels are few: 1 % and 10 % of them, and any other fraction.

Axes: N images, F findings.
"""

import math
from typing import Literal

import numpy as np

Sampling = Literal["stratified", "published"]
"""``stratified``: nested and in proportion. ``published``: the released code's draws, which are neither."""

_PUBLISHED_SEED = 42


def choose_subset(label_NF: np.ndarray, fraction: float, *, sampling: Sampling, seed: int) -> np.ndarray:
    """Ascending positions of the images that train at ``fraction``, at least one.

    ``stratified`` orders the images once by ``seed`` such that every beginning of that order holds each combination
    of labels in proportion, and takes the beginning: 1 % lies inside 10 %. ``published`` draws as pandas'
    ``sample(frac, random_state=42)`` does, whatever the seed.
    """
    size = len(label_NF)
    if fraction == 1:
        return np.arange(size)
    if sampling == "published":
        drawn = np.random.RandomState(_PUBLISHED_SEED).choice(size, size=max(1, round(fraction * size)), replace=False)
        return np.sort(drawn)
    return np.sort(_stratified_order(label_NF, seed)[: math.ceil(round(fraction * size, 9))])


def _stratified_order(label_NF: np.ndarray, seed: int) -> np.ndarray:
    """A permutation; each combination of labels is spread evenly over it, from a start drawn for it."""
    rng = np.random.default_rng(seed)
    size = len(label_NF)
    _, stratum_N = np.unique(np.nan_to_num(label_NF, nan=-2.0), axis=0, return_inverse=True)
    stratum_N = stratum_N.reshape(-1)
    shuffled_N = rng.permutation(size)
    grouped_N = shuffled_N[np.argsort(stratum_N[shuffled_N], kind="stable")]
    count_S = np.bincount(stratum_N)
    rank_N = np.arange(size) - np.repeat(np.cumsum(count_S) - count_S, count_S)
    start_S = rng.random(len(count_S))
    place_N = (rank_N + np.repeat(start_S, count_S)) / np.repeat(count_S, count_S)
    return grouped_N[np.argsort(place_N, kind="stable")]
