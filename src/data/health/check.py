"""What a check of a data set found.

Axes: N images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

State = Literal["ok", "warning", "problem"]
_ROWS_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Check:
    """``number``: how many were found. ``advice``: what it means and what to do; empty where all is well.

    ``rows``: numbers of the first few in the owner's table, the one identity that may be printed; of images that go
    together, "3 and 8".
    """

    name: str
    state: State
    number: int
    advice: str = ""
    rows: tuple[int | str, ...] = ()


def found(name: str, wrong_N: np.ndarray, row_N: np.ndarray, *, state: State, advice: str) -> Check:
    """A check of each image: ``wrong_N``, bool (N,), says which fail, ``row_N`` where they stand."""
    number = int(wrong_N.sum())
    if number == 0:
        return Check(name=name, state="ok", number=0)
    return Check(name=name, state=state, number=number, advice=advice, rows=shown(row_N[wrong_N]))


def found_rows(name: str, row_K: Sequence[int] | np.ndarray, *, state: State, advice: str) -> Check:
    """The same where the rows that fail are known."""
    if len(row_K) == 0:
        return Check(name=name, state="ok", number=0)
    return Check(name=name, state=state, number=len(row_K), advice=advice, rows=shown(row_K))


def found_pairs(name: str, row_P2: np.ndarray, *, state: State, advice: str) -> Check:
    """The same where rows go together in pairs."""
    if len(row_P2) == 0:
        return Check(name=name, state="ok", number=0)
    pairs = np.unique(np.sort(row_P2, axis=1), axis=0)[:_ROWS_SHOWN].tolist()
    texts = tuple(f"{one} and {other}" for one, other in pairs)
    return Check(name=name, state=state, number=len(row_P2), advice=advice, rows=texts)


def shown(row_K: Sequence[int] | np.ndarray) -> tuple[int, ...]:
    """The first few rows, each once, ascending."""
    return tuple(np.unique(np.asarray(row_K))[:_ROWS_SHOWN].tolist())
