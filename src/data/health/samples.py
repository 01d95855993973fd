"""Chooses the images that show a data set at a glance.

Axes: N images, F findings, K chosen.
"""

from collections.abc import Iterable
from itertools import zip_longest

import numpy as np

from src.data.health.columns import Columns
from src.data.health.marks import marked
from src.data.sources import SPLITS


def choose_samples(columns: Columns, count: int) -> list[int]:
    """Up to ``count`` positions, the same ones each time: spread over splits and findings, most with boxes or masks."""
    in_split = [np.flatnonzero(columns.within(split) & columns.read_N) for split in SPLITS]
    if not any(map(len, in_split)):
        in_split = [np.flatnonzero(columns.read_N)]
    orders = [list(_in_turn(columns, position_K, count)) for position_K in in_split]
    chosen: list[list[int]] = [[] for _ in orders]
    taken: set[int] = set()
    for turn in zip_longest(*orders):
        for own, position in zip(chosen, turn, strict=True):
            if position is not None and position not in taken and len(taken) < count:
                own.append(position)
                taken.add(position)
    return [position for own in chosen for position in own]


def _in_turn(columns: Columns, position_K: np.ndarray, count: int) -> Iterable[int]:
    """Positions with a mark and without in turn, three to one, each from one finding after the other."""
    shuffled_K = np.random.RandomState(0).permutation(position_K)
    marked_NF = marked(columns)
    has_mark_K = marked_NF[shuffled_K].any(axis=1)
    with_mark = _by_finding(marked_NF[shuffled_K[has_mark_K]], shuffled_K[has_mark_K], count)
    without = _by_finding(columns.label_NF[shuffled_K[~has_mark_K]] == 1, shuffled_K[~has_mark_K], count)
    for number in range(1, count + 1):
        first, second = (with_mark, without) if number % 4 else (without, with_mark)
        if first or second:
            yield (first or second).pop(0)


def _by_finding(shown_KF: np.ndarray, position_K: np.ndarray, count: int) -> list[int]:
    """Up to ``count`` of them, one finding after the other, those without any finding as one more."""
    columns = [*shown_KF.T, ~shown_KF.any(axis=1)]
    queues = [position_K[column_K][:count].tolist() for column_K in columns]
    in_turn = (position for turn in zip_longest(*queues) for position in turn if position is not None)
    return list(dict.fromkeys(in_turn))[:count]
