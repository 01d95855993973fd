"""Images that repeat another: the same file, or the same picture in another file; within a data set and between two.

Axes: N images, K some of them, P pairs.
"""

from collections.abc import Callable

import numpy as np

from src.data.appearance import BLANK, LOOK_TOLERANCE, detail, same_picture
from src.data.health.check import Check, State, found_pairs, found_rows
from src.data.health.close_looks import close_pairs
from src.data.health.columns import SIDE_BIT, Columns

ReadImage = Callable[[int], np.ndarray]
"""The packed image of a position, uint8 (H, W)."""

_HELD_OUT = SIDE_BIT["val"] | SIDE_BIT["test"]
# The place of each combination of sides, none to all. With the images of a group in the order none, train, val, val and
# test, test, whatever leaks in the group leaks between two neighbours.
_SIDE_ORDER = np.array([0, 1, 2, 5, 4, 6, 3, 7])


def same_files(columns: Columns) -> np.ndarray:
    """Pairs of positions (P, 2) whose files are the same to the byte, in a chain through each group."""
    position_K = np.flatnonzero(columns.read_N)
    _, group_K = np.unique(_whole(columns.sha_N32[position_K]), return_inverse=True)
    group_N = np.full(len(columns), -1)
    group_N[position_K] = group_K
    return _chains(group_N, columns.side_N)


def same_pictures(columns: Columns, files_P2: np.ndarray, read_image: ReadImage) -> np.ndarray:
    """Pairs of positions (P, 2) whose files differ and whose pictures do not, in a chain through each group.

    Looks that nearly agree are held against each other by the images themselves. ``files_P2``: of ``same_files``.
    """
    position_K = np.flatnonzero(_shows(columns))
    near_P2 = position_K[close_pairs(columns.look_N32[position_K], tolerance=LOOK_TOLERANCE)]
    same_P2 = _verified(near_P2[_files_differ(columns, near_P2)], read_image, read_image)
    chain_P2 = _chains(_joined(np.concatenate([same_P2, files_P2]), len(columns)), columns.side_N)
    return chain_P2[_files_differ(columns, chain_P2)]


def check_duplicates(columns: Columns, *, files_P2: np.ndarray, pictures_P2: np.ndarray) -> list[Check]:
    """Repetitions across splits and across patients are problems, those of one patient in one split a warning."""
    return [*_sorted_out(columns, files_P2, "same file"), *_sorted_out(columns, pictures_P2, "same picture")]


def check_against(
    columns: Columns, other: Columns, name: str, *, read_image: ReadImage, read_other: ReadImage
) -> list[Check]:
    """Images that train or validate here and are in the test split of the data set ``name``."""
    own_K = np.flatnonzero(columns.read_N & (columns.within("train") | columns.within("val")))
    other_K = np.flatnonzero(other.read_N & other.within("test"))
    file_K = np.isin(_whole(columns.sha_N32[own_K]), _whole(other.sha_N32[other_K]))
    shown_K, shown_J = own_K[~file_K & _shows(columns)[own_K]], other_K[_shows(other)[other_K]]
    near_P2 = _between(columns.look_N32[shown_K], other.look_N32[shown_J])
    pair_P2 = np.stack([shown_K[near_P2[:, 0]], shown_J[near_P2[:, 1]]], axis=1)
    picture_K = np.unique(_verified(pair_P2, read_image, read_other)[:, 0])
    advice = (
        f"what is tested there was trained on here; leave these rows out of train and val, or do not test on {name}"
    )
    return [
        found_rows(f"same file in the test of {name}", columns.row_N[own_K[file_K]], state="problem", advice=advice),
        found_rows(f"same picture in the test of {name}", columns.row_N[picture_K], state="problem", advice=advice),
    ]


def crossing(one_K: np.ndarray, other_K: np.ndarray) -> np.ndarray:
    """Which pairs of sides (``SIDE_BIT``) leak: train and held out, or only val and test; bool (K,)."""
    train, val, test = SIDE_BIT["train"], SIDE_BIT["val"], SIDE_BIT["test"]
    leaks = np.zeros(len(one_K), dtype=bool)
    for a, b in ((one_K, other_K), (other_K, one_K)):
        leaks |= ((a & train) > 0) & ((b & _HELD_OUT) > 0)
        leaks |= (a == val) & ((b & test) > 0)
    return leaks


def _sorted_out(columns: Columns, pair_P2: np.ndarray, what: str) -> list[Check]:
    one, other = pair_P2.T
    side, patient, row = columns.side_N, columns.patient_N, columns.row_N
    crosses = crossing(side[one], side[other])
    strangers = (patient[one] != patient[other]) & (side[one] > 0) & (side[other] > 0) & ~crosses
    rest = ~crosses & ~strangers
    advice = {
        "in two splits": "what is judged was trained on; take them out of one split, or put both patients into one",
        "of two patients": "one of the two is wrong: labels and reports may be, too; take these rows out",
        "of one patient": "it counts twice; usually harmless",
    }
    states: tuple[State, ...] = ("problem", "problem", "warning")
    found = zip(advice.items(), (crosses, strangers, rest), states, strict=True)
    return [
        found_pairs(f"{what} {which}", row[pair_P2[chosen]], state=state, advice=text)
        for (which, text), chosen, state in found
    ]


def _between(own_K32: np.ndarray, other_J32: np.ndarray) -> np.ndarray:
    """Pairs of an own look and a close one of the other's, (P, 2); of equal ones there, the first stands for all."""
    look_U, first_U, group = np.unique(
        _whole(np.concatenate([own_K32, other_J32])), return_index=True, return_inverse=True
    )
    own_K, other_J = group[: len(own_K32)], group[len(own_K32) :]
    there, position = np.unique(other_J, return_index=True)
    other_of_U = np.full(len(look_U), -1)
    other_of_U[there] = position
    near_P2 = close_pairs(np.concatenate([own_K32, other_J32])[first_U], tolerance=LOOK_TOLERANCE)
    itself = np.arange(len(look_U))
    edge_E2 = np.concatenate([near_P2, near_P2[:, ::-1], np.stack([itself, itself], axis=1)])
    edge_E2 = edge_E2[other_of_U[edge_E2[:, 1]] >= 0]
    order_K = np.argsort(own_K, kind="stable")
    begin_E = np.searchsorted(own_K[order_K], edge_E2[:, 0], side="left")
    count_E = np.searchsorted(own_K[order_K], edge_E2[:, 0], side="right") - begin_E
    step = np.arange(count_E.sum()) - np.repeat(np.cumsum(count_E) - count_E, count_E)
    own = order_K[np.repeat(begin_E, count_E) + step]
    return np.stack([own, np.repeat(other_of_U[edge_E2[:, 1]], count_E)], axis=1)


def _verified(pair_P2: np.ndarray, read_one: ReadImage, read_other: ReadImage) -> np.ndarray:
    same = [same_picture(detail(read_one(int(one))), detail(read_other(int(other)))) for one, other in pair_P2]
    return pair_P2[np.array(same, dtype=bool)]


def _files_differ(columns: Columns, pair_P2: np.ndarray) -> np.ndarray:
    return np.asarray((columns.sha_N32[pair_P2[:, 0]] != columns.sha_N32[pair_P2[:, 1]]).any(axis=1))


def _chains(group_N: np.ndarray, side_N: np.ndarray) -> np.ndarray:
    """Each member of a group with the next, in the order of their sides; a group of -1 is none."""
    order_K = np.lexsort((_SIDE_ORDER[side_N], group_N))
    order_K = order_K[group_N[order_K] >= 0]
    same = group_N[order_K[1:]] == group_N[order_K[:-1]]
    return np.stack([order_K[:-1][same], order_K[1:][same]], axis=1)


def _joined(pair_P2: np.ndarray, count: int) -> np.ndarray:
    """The group of each of ``count`` positions: its least member, reached through any number of pairs."""
    group_N = np.arange(count)
    while len(pair_P2):
        before_N = group_N.copy()
        least_P = group_N[pair_P2].min(axis=1)
        for side in (0, 1):
            np.minimum.at(group_N, pair_P2[:, side], least_P)
        group_N = group_N[group_N]
        if (group_N == before_N).all():
            break
    return group_N


def _shows(columns: Columns) -> np.ndarray:
    """Images with something to see: those that are nearly blank all look the same."""
    return np.asarray(columns.read_N & (columns.spread_N >= BLANK))


def _whole(byte_N32: np.ndarray) -> np.ndarray:
    """Each row of 32 bytes as one value that sorts and compares."""
    return np.ascontiguousarray(byte_N32).view("S32").ravel()
