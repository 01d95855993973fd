"""Which images train, validate and test: the published rules, and the user's own lists of ids.

Patients are kept together by every rule. Axes: N images, F findings.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from pydantic import NonNegativeFloat

from src.core.errors import UserError
from src.core.ranges import Seed, SplitFraction
from src.data.sources import SPLITS, Split


class Images(NamedTuple):
    """What a rule may look at; every column has N entries, in the catalogue's order.

    ``patient_N``: a number for each patient, from 0 in the order in which they appear. ``split_N``: the owner's word.
    ``label_NF``: 1, 0, -1, NaN as written.
    """

    id_N: np.ndarray
    patient_N: np.ndarray
    split_N: np.ndarray
    label_NF: np.ndarray
    finding_names: tuple[str, ...]


class SplitRule(Protocol):
    """Built from a data set's ``split`` in its yaml."""

    def assign(self, images: Images) -> dict[Split, np.ndarray]:
        """The positions of each split, ascending. An image may lie in none, or in two held-out ones."""
        ...


class OfficialSplit:
    """The owner's own split; ``values``: the owner's words behind each of ours. A word may stand for two of them.

    ``val_from_train``: how much of train validates instead, whole patients drawn by ``seed``: a share below 1, a
    number of images from 1, or 0.
    """

    def __init__(self, *, values: Mapping[str, Sequence[str]], val_from_train: NonNegativeFloat, seed: Seed) -> None:
        if val_from_train < 0 or (val_from_train > 1 and val_from_train != int(val_from_train)):
            raise UserError(
                f"dataset.split.val_from_train is {val_from_train}; give a share below 1, or a whole number of images"
            )
        self.values = {split: list(values.get(split, ())) for split in SPLITS}
        self.val_from_train = val_from_train
        self.seed = seed

    @property
    def unused(self) -> tuple[Split, ...]:
        """The splits that are meant to be empty: no word stands for them, and none is drawn for them."""
        drawn = ("val",) if self.val_from_train else ()
        return tuple(split for split in SPLITS if not self.values[split] and split not in drawn)

    def assign(self, images: Images) -> dict[Split, np.ndarray]:
        """Raises ``UserError`` where a word of the owner's stands for no split."""
        known = [word for words in self.values.values() for word in words]
        strange = ~np.isin(images.split_N, known)
        if strange.any():
            words = ", ".join(sorted(set(images.split_N[strange].tolist()))[:5])
            raise UserError(
                f"{strange.sum()} image(s) are of a split that dataset.split.values does not name ({words}); add it"
            )
        positions = {split: np.flatnonzero(np.isin(images.split_N, self.values[split])) for split in SPLITS}
        if self.val_from_train:
            train = positions["train"]
            share = self.val_from_train if self.val_from_train < 1 else self.val_from_train / max(len(train), 1)
            drawn = draw_patients(images.patient_N[train], count=round(share * len(train)), seed=self.seed)
            positions["train"], positions["val"] = train[~drawn], np.union1d(positions["val"], train[drawn])
        return positions


class DrawnSplit:
    """Train, test and validation drawn by ``seed``, as the released code draws them with scikit-learn.

    The patients, in the catalogue's order, are permuted: the first ``val + test`` of them are held out; these, permuted
    again, validate first and test last. ``negatives_per_positive``: keeps only so many training images without
    any finding for each with one, drawn by ``seed``; None keeps all.
    """

    def __init__(
        self, *, val: SplitFraction, test: SplitFraction, seed: Seed, negatives_per_positive: NonNegativeFloat | None
    ) -> None:
        if not (val >= 0 and test >= 0 and 0 < val + test < 1):
            raise UserError(
                f"dataset.split.val={val} and dataset.split.test={test} must be 0 or more and leave images to train on"
            )
        self.val = val
        self.test = test
        self.seed = seed
        self.negatives_per_positive = negatives_per_positive

    def assign(self, images: Images) -> dict[Split, np.ndarray]:
        """Positions of each split, ascending."""
        patients = int(images.patient_N.max(initial=-1)) + 1
        held_out, train = _drawn_apart(np.arange(patients), self.val + self.test, self.seed)
        val, test = _drawn_apart(held_out, self.val / (self.val + self.test), self.seed)
        side = np.empty(patients, dtype=np.int8)
        for number, members in enumerate((train, val, test)):
            side[members] = number
        positions = {split: np.flatnonzero(side[images.patient_N] == number) for number, split in enumerate(SPLITS)}
        if self.negatives_per_positive is not None:
            positions["train"] = self._thinned(positions["train"], images.label_NF)
        return positions

    def _thinned(self, train: np.ndarray, label_NF: np.ndarray) -> np.ndarray:
        positive = (label_NF[train] == 1).any(axis=1)
        wanted = round(self.negatives_per_positive * positive.sum()) if self.negatives_per_positive else 0
        order = np.random.default_rng(self.seed).permutation(np.flatnonzero(~positive))
        return train[np.sort(np.concatenate([np.flatnonzero(positive), order[:wanted]]))]


class IdListSplit:
    """The user's own lists in ``folder``, one image id a line: train.txt, val.txt, test.txt.

    train_1.txt and train_10.txt, where they lie there, are the training images of ``datamodule.fraction`` 0.01 and 0.1.
    """

    def __init__(self, *, folder: str) -> None:
        self.folder = Path(folder)

    def assign(self, images: Images) -> dict[Split, np.ndarray]:
        """Raises ``UserError`` for a list that is not there, or holds ids that the data set does not have."""
        return {split: self._positions(f"{split}.txt", images) for split in SPLITS}

    def subset(self, images: Images, fraction: float) -> np.ndarray | None:
        """The positions that train at ``fraction``, or None where there is no list for it."""
        name = f"train_{round(100 * fraction)}.txt"
        if not (self.folder / name).is_file():
            return None
        positions, train = self._positions(name, images), self._positions("train.txt", images)
        strange = np.setdiff1d(positions, train)
        if len(strange):
            raise UserError(
                f"{self.folder / name} holds {len(strange)} id(s) that are not in train.txt; take them out of the list"
            )
        return positions

    def _positions(self, name: str, images: Images) -> np.ndarray:
        path = self.folder / name
        try:
            lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
        except OSError:
            raise UserError(
                f"there is no list {path}; dataset.lists needs train.txt, val.txt and test.txt, one id a line"
            ) from None
        except UnicodeDecodeError:
            raise UserError(f"the list {path} is not UTF-8; save it as UTF-8") from None
        wanted = {line for line in lines if line}
        chosen = np.array([image_id in wanted for image_id in images.id_N], dtype=bool)
        unknown = len(wanted) - len({image_id for image_id in images.id_N if image_id in wanted})
        if unknown:
            first = next(n for n, line in enumerate(lines, start=1) if line and line not in set(images.id_N))
            raise UserError(
                f"{path}: {unknown} id(s) are not in the data set, the first is in line {first}; the ids are those of "
                "its images as its store has them, in the column image_id"
            )
        return np.flatnonzero(chosen)


def draw_patients(patient_N: np.ndarray, *, count: int, seed: int) -> np.ndarray:
    """Which rows belong to whole patients drawn by ``seed`` until at least ``count`` rows are taken; bool (N,)."""
    patient, inverse_N, size = np.unique(patient_N, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(patient))
    before = np.cumsum(size[order]) - size[order]
    return np.isin(inverse_N, order[before < count])


def count_leaks(positions: Mapping[Split, np.ndarray], patient_N: np.ndarray) -> int:
    """How many patients lie on two sides.

    The same image in val and in test, as the published MIMIC-CXR has it, is one image that is judged twice and no leak.
    """
    train, val, test = (set(patient_N[positions[split]].tolist()) for split in SPLITS)
    only_val = set(patient_N[np.setdiff1d(positions["val"], positions["test"])].tolist())
    return len((train & (val | test)) | (only_val & test))


def _drawn_apart(members: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """``share`` of ``members``, rounded up, and the rest: scikit-learn's train_test_split(test_size, random_state)."""
    count = int(np.ceil(round(share * len(members), 9)))
    order = np.random.RandomState(seed).permutation(len(members))
    return members[order[:count]], members[order[count:]]
