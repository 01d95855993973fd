"""Masks as the store keeps them: the lengths of runs of 0 and 1, row by row, beginning with 0.

Axes: H and W pixels, R runs, S samples.
"""

import numpy as np


def encode_mask(mask_HW: np.ndarray) -> np.ndarray:
    """int32 (R,): how many 0, then how many 1, and so on; the first may be 0."""
    flat = np.concatenate([[False], np.asarray(mask_HW, dtype=bool).ravel(), [False]])
    change = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(np.concatenate([[0], change, [mask_HW.size]])).astype(np.int32)


def decode_mask(run_R: np.ndarray, height: int, width: int) -> np.ndarray:
    """The mask again, bool (H, W)."""
    value_R = np.arange(len(run_R)) % 2 == 1
    return np.repeat(value_R, run_R).reshape(height, width)


def sample_mask(run_R: np.ndarray, width: int, row_S: np.ndarray, column_S: np.ndarray) -> np.ndarray:
    """The mask, of ``width`` pixels a row, at the pixels asked for, bool (S,); nothing is decoded.

    ``row_S`` and ``column_S``: whole numbers inside of the mask.
    """
    end_R = np.cumsum(run_R, dtype=np.int64)
    # a pixel lies in the run whose number is that of the runs that end at it or before it
    run_S = np.searchsorted(end_R, row_S * width + column_S, side="right")
    return np.asarray(run_S % 2 == 1)
