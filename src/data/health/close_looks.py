"""Finds the looks that nearly agree among hundreds of thousands, without comparing all with all.

Axes: N looks, P pairs, B bits.
"""

from collections.abc import Iterator

import numpy as np

from src.data.appearance import LOOK_BITS

_BANDS = 8
_NEIGHBOURS = 2048
_CHUNK = 1 << 20


def close_pairs(look_N32: np.ndarray, *, tolerance: int) -> np.ndarray:
    """Pairs of positions (P, 2) whose looks, uint8 (N, 32), differ in at most ``tolerance`` bits; each pair once.

    Equal looks are paired in a chain, the first with the second, the second with the third; of different ones, only
    the first of each are compared. The bits are dealt into eight bands by a fixed permutation, and looks that agree in
    a whole band are compared: pairs of at most 7 different bits are found without fail, of 12 in six cases of seven.
    Of looks that agree in a band, each is compared with its next 2,048.
    """
    order_N = np.lexsort(look_N32.T)
    ordered_N32 = look_N32[order_N]
    new_N = np.ones(len(look_N32), dtype=bool)
    new_N[1:] = (ordered_N32[1:] != ordered_N32[:-1]).any(axis=1)
    chained = np.flatnonzero(~new_N)
    found = [np.stack([order_N[chained - 1], order_N[chained]], axis=1)]
    first = order_N[new_N]
    found.append(first[_different(look_N32[first], tolerance)])
    pair_P2 = np.sort(np.concatenate(found), axis=1)
    return pair_P2[np.lexsort(pair_P2.T[::-1])]


def _different(look_U32: np.ndarray, tolerance: int) -> np.ndarray:
    """The same among looks of which no two are equal."""
    word_U4 = np.ascontiguousarray(look_U32).view(np.uint64)
    key_UB = _band_keys(look_U32)
    numbers = [np.empty(0, dtype=np.int64)]
    for key_U in key_UB.T:
        for one, other in _sharing(key_U):
            for start in range(0, len(one), _CHUNK):
                left, right = one[start : start + _CHUNK], other[start : start + _CHUNK]
                distance = np.bitwise_count(word_U4[left] ^ word_U4[right]).sum(axis=1, dtype=np.int64)
                near = distance <= tolerance
                low, high = np.minimum(left[near], right[near]), np.maximum(left[near], right[near])
                numbers.append(low * len(look_U32) + high)
    pair = np.unique(np.concatenate(numbers))
    return np.stack(np.divmod(pair, max(len(look_U32), 1)), axis=1)


def _band_keys(look_U32: np.ndarray) -> np.ndarray:
    """The bits of each band as one number, uint32 (U, bands)."""
    deal_B = np.random.RandomState(0).permutation(LOOK_BITS)
    keys = np.empty((len(look_U32), _BANDS), dtype=np.uint32)
    for start in range(0, len(look_U32), _CHUNK // 16):
        part = slice(start, start + _CHUNK // 16)
        bit_CB = np.unpackbits(look_U32[part], axis=1)[:, deal_B]
        keys[part] = np.ascontiguousarray(np.packbits(bit_CB, axis=1)).view(np.uint32)
    return keys


def _sharing(key_U: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions that have the same key: each with its next, its next but one, and so on."""
    order_U = np.argsort(key_U, kind="stable")
    sorted_U = key_U[order_U]
    start = np.arange(len(key_U))
    for step in range(1, _NEIGHBOURS + 1):
        start = start[start + step < len(key_U)]
        start = start[sorted_U[start] == sorted_U[start + step]]
        if len(start) == 0:
            return
        yield order_U[start], order_U[start + step]
