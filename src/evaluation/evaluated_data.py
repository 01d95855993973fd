"""The images and labels that a run was evaluated on, whatever its model predicted for them.

Axes: N cases, F findings.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from src.evaluation.cases import Cases, Matches, Scores

_UNKNOWN = -1


class DataDifference(NamedTuple):
    """How two runs' data differ.

    ``only_first``, ``only_second``: number of images that one of them alone has. ``common``: number that both have.
    ``relabelled``: those of the common ones whose labels differ. ``other_truth``: whether the masks, boxes, phrases or
    reports differ. ``other_patients``: whether the images are shared out to patients otherwise.
    """

    only_first: int
    only_second: int
    common: int
    relabelled: int
    other_truth: bool
    other_patients: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluatedData:
    """The evaluated cases in the order of their image ids.

    ``names``: the F findings that ``label_NF`` has a column for. ``id_N``: image ids, or rows where there are none.
    ``patient_N``: int64, numbered by first appearance, as the numbers of a table mean nothing beyond it. ``label_NF``:
    float64, -1 for unknown; numbers of objects for detection; no column where labels are not kept. ``truth``: digest
    of masks, boxes, phrases or reports; None where the labels are all there is.
    """

    names: tuple[str, ...]
    id_N: tuple[str, ...]
    patient_N: np.ndarray
    label_NF: np.ndarray
    truth: str | None

    @classmethod
    def of(cls, cases: Cases) -> "EvaluatedData":
        """Read the data out of ``cases``, without the scores."""
        keys = cases.keys
        ids = [str(row) for row in keys.row_N.tolist()] if keys.image_id_N is None else list(keys.image_id_N)
        order_N = sorted(range(len(ids)), key=ids.__getitem__)
        label_NF = np.empty((len(ids), 0))
        if isinstance(cases, Scores):
            label_NF = cases.label_NF.nan_to_num(_UNKNOWN).double().numpy()
        elif isinstance(cases, Matches):
            label_NF = cases.object_NF.double().numpy()
        return cls(
            names=() if not label_NF.shape[1] else cases.names,
            id_N=tuple(ids[n] for n in order_N),
            patient_N=_by_first_appearance(keys.group_N.numpy()[order_N]),
            label_NF=label_NF[order_N],
            truth=None if isinstance(cases, Scores) else cases.truth,
        )

    def same_as(self, other: "EvaluatedData") -> bool:
        """Whether both are the same images of the same patients with the same labels.

        A digest of masks, boxes, phrases or reports that one of them lacks, as older runs do, is not compared.
        """
        known = self.truth is not None and other.truth is not None
        return self._digest == other._digest and (not known or self.truth == other.truth)

    def difference(self, other: "EvaluatedData") -> DataDifference:
        """Count the images and labels in which ``other`` differs."""
        ours, theirs = self._label_of_id(), other._label_of_id()
        common = [image_id for image_id in ours if image_id in theirs]
        return DataDifference(
            only_first=len(ours) - len(common),
            only_second=len(theirs) - len(common),
            common=len(common),
            relabelled=sum(ours[image_id] != theirs[image_id] for image_id in common),
            other_truth=None not in (self.truth, other.truth) and self.truth != other.truth,
            other_patients=self.id_N == other.id_N and not np.array_equal(self.patient_N, other.patient_N),
        )

    @cached_property
    def _digest(self) -> str:
        return content_digest([*self.names, *self.id_N, self.patient_N, self.label_NF])

    def _label_of_id(self) -> dict[str, Any]:
        """Every image's labels by finding; those of all its cases where it has several."""
        labels: dict[str, list[Any]] = {}
        for image_id, row_F in zip(self.id_N, self.label_NF.tolist(), strict=True):
            labels.setdefault(image_id, []).append(dict(zip(self.names, row_F, strict=True)))
        return labels


def content_digest(parts: Iterable[Any]) -> str:
    """One SHA-256 over strings, arrays, tensors and None, from which none of them can be told apart."""
    digest = hashlib.sha256()
    for part in parts:
        kind, content = _as_bytes(part)
        digest.update(f"{kind}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def _as_bytes(part: Any) -> tuple[str, bytes]:
    if part is None or isinstance(part, str):
        return type(part).__name__, (part or "").encode()
    array = np.ascontiguousarray(np.asarray(part))
    return f"{array.dtype.str}{array.shape}", array.tobytes()


def _by_first_appearance(group_N: np.ndarray) -> np.ndarray:
    number = {group: n for n, group in enumerate(dict.fromkeys(group_N.tolist()))}
    return np.array([number[group] for group in group_N.tolist()], dtype=np.int64)
