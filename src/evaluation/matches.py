"""The cases of detection: what was found in each image, and whether it is there.

Axes: N cases (images), F findings, D detections, T thresholds of overlap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from src.core.case_keys import CaseKeys

FALSE, HIT, IGNORED = 0, 1, 2
"""What a detection is at a threshold of overlap. An ignored one counts neither for nor against."""


@dataclass(frozen=True, kw_only=True)
class Matches:
    """Every detection with its outcome, and how many objects there are.

    ``names``: F findings. ``overlap_T``: from which intersection over union on a detection hits. ``metrics``: the
    figures to give, of ``map``, ``map_50``, ``map_75`` and ``mar_100``. ``case_D``: int64, the position of each
    detection's image among the cases, never falling. ``finding_D``: int64. ``score_D``: float64, ``least_score`` or
    more. ``outcome_DT``: uint8, ``FALSE``, ``HIT`` or ``IGNORED``. ``object_NF``: int64, how many objects are there.
    ``counted_N``: bool, the images that count; None where all do. ``truth``: ``content_digest`` of the objects' boxes
    and the ignored regions; None where nobody made one.
    """

    keys: CaseKeys
    names: tuple[str, ...]
    overlap_T: tuple[float, ...]
    metrics: tuple[str, ...]
    least_score: float
    case_D: Tensor
    finding_D: Tensor
    score_D: Tensor
    outcome_DT: Tensor
    object_NF: Tensor
    counted_N: Tensor | None
    truth: str | None = None

    def counted_objects_NF(self) -> Tensor:  # noqa: N802
        """``object_NF`` with no object in the images that do not count."""
        return self.object_NF if self.counted_N is None else self.object_NF * self.counted_N[:, None]

    def judged(self) -> list[int]:
        """The findings of which a counted image holds an object."""
        return (self.counted_objects_NF().sum(dim=0) > 0).nonzero().flatten().tolist()


def columns_of_matches(cases: Matches) -> tuple[dict[str, Any], dict[str, Any]]:
    """The columns of a table with an image a row, and what they do not say of themselves.

    objects/NAME a finding; counted where not all are; found/finding, found/score and, for each threshold, found/0.50:
    lists of equal length.
    """
    import pyarrow as pa

    count_N = torch.bincount(cases.case_D, minlength=len(cases.keys))
    offset_N1 = pa.array(torch.cat([count_N.new_zeros(1), count_N.cumsum(0)]).numpy(), type=pa.int32())

    def lists(value_D: Tensor) -> Any:
        return pa.ListArray.from_arrays(offset_N1, pa.array(value_D.numpy()))

    columns: dict[str, Any] = {f"objects/{name}": cases.object_NF[:, f].numpy() for f, name in enumerate(cases.names)}
    if cases.counted_N is not None:
        columns["counted"] = cases.counted_N.numpy()
    columns |= {"found/finding": lists(cases.finding_D), "found/score": lists(cases.score_D)}
    for overlap, outcome_D in zip(cases.overlap_T, cases.outcome_DT.unbind(1), strict=True):
        columns[f"found/{overlap:.2f}"] = lists(outcome_D.contiguous())
    about = {"overlaps": cases.overlap_T, "metrics": cases.metrics, "least_score": cases.least_score}
    return columns, {**about, "truth": cases.truth}


def matches_in(table: Any, about: Mapping[str, Any], keys: CaseKeys) -> Matches:
    """Back from ``columns_of_matches``."""
    import pyarrow.compute as pc

    def values(name: str) -> Tensor:
        return torch.from_numpy(pc.list_flatten(table.column(name)).to_numpy().copy())

    def plain(name: str) -> Tensor:
        return torch.from_numpy(np.array(table.column(name).to_numpy()))

    names, overlaps = tuple(about["names"]), tuple(about["overlaps"])
    count_N = torch.from_numpy(pc.list_value_length(table.column("found/score")).to_numpy().astype(np.int64))
    return Matches(
        keys=keys,
        names=names,
        overlap_T=overlaps,
        metrics=tuple(about["metrics"]),
        least_score=float(about["least_score"]),
        case_D=torch.arange(len(keys)).repeat_interleave(count_N),
        finding_D=values("found/finding"),
        score_D=values("found/score"),
        outcome_DT=torch.stack([values(f"found/{overlap:.2f}") for overlap in overlaps], dim=1),
        object_NF=torch.stack([plain(f"objects/{name}") for name in names], dim=1),
        counted_N=plain("counted") if "counted" in table.column_names else None,
        truth=about.get("truth"),
    )
