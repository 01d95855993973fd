"""What was found for each held-out case: every figure, interval and test is computed from it, and can be again.

Axes: N cases, F findings or classes, M measures.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from src.core.case_keys import CaseKeys
from src.core.errors import UserError
from src.core.files import replacing
from src.evaluation.matches import Matches, columns_of_matches, matches_in


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How strongly each case was taken to have each finding.

    ``names``: F findings. ``score_NF``: float64, higher where the finding is more likely; ``probabilities`` says that
    they are probabilities. ``label_NF``: float64, 1 present, 0 absent, NaN unknown. ``exclusive``: the findings are
    classes of which a case has one. ``threshold_F``: from which score on a finding counts as found, chosen on other
    cases; None where nobody chose.
    """

    keys: CaseKeys
    names: tuple[str, ...]
    score_NF: Tensor
    label_NF: Tensor
    exclusive: bool
    probabilities: bool
    threshold_F: Tensor | None


@dataclass(frozen=True, kw_only=True)
class Values:
    """Measures that are means over cases. ``value_NM``: float64, NaN where a case does not count for a measure.

    ``means``: further measures, each the mean of those that it names, such as one over categories. ``positive_NM``:
    bool, whether the case has the finding that the measure is of; None for measures that are of none. ``limited_by``:
    for a measure over several findings the measures of each, whose patients limit it. ``truth``:
    ``content_digest`` of the masks, phrases or reports that the values were measured against; None where there is none.
    """

    keys: CaseKeys
    names: tuple[str, ...]
    value_NM: Tensor
    means: Mapping[str, Sequence[str]] = field(default_factory=dict)
    positive_NM: Tensor | None = None
    limited_by: Mapping[str, Sequence[str]] = field(default_factory=dict)
    truth: str | None = None

    def restricted_to(self, kept_NM: Tensor) -> "Values":
        """The same without the values that are not ``kept_NM``."""
        positive_NM = None if self.positive_NM is None else self.positive_NM & kept_NM
        return replace(self, value_NM=self.value_NM.where(kept_NM, torch.nan), positive_NM=positive_NM)


Cases = Scores | Values | Matches


def save_cases(cases: Cases, path: Path) -> None:
    """Write ``cases`` as Parquet, a case a row: row, group, image_id, and what is known of the case.

    That is score/NAME and label/NAME a finding, or value/NAME and, where it is known, positive/NAME a measure, or of
    detections: objects/NAME a finding, and lists of the finding's number, the score and, at each threshold of overlap,
    the outcome of each of them.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    keys = cases.keys
    columns: dict[str, Any] = {"row": keys.row_N.numpy(), "group": keys.group_N.numpy()}
    if keys.image_id_N is not None:
        columns["image_id"] = list(keys.image_id_N)
    more, about = _columns_of(cases)
    columns |= more
    table = pa.table(columns).replace_schema_metadata({"cases": json.dumps({"names": cases.names, **about})})
    with replacing(path) as draft:
        pq.write_table(table, draft)


def load_cases(path: Path) -> Cases:
    """Read what ``save_cases`` wrote. Raises UserError where the file is not there, or another one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        about = json.loads(table.schema.metadata[b"cases"])
        return _cases(table, about)
    except (OSError, pa.ArrowException, LookupError, TypeError, ValueError) as error:
        raise UserError(f"{path} is missing or does not hold the cases of a run; run its job again.") from error


def count_cases(path: Path) -> int | None:
    """How many cases ``save_cases`` wrote, without reading them; None where the file is not there, or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowException):
        return None


def _columns_of(cases: Cases) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the columns hold beside the keys, and what they do not say of themselves."""
    columns: dict[str, Any]
    if isinstance(cases, Values):
        columns = {f"value/{name}": cases.value_NM[:, m].numpy() for m, name in enumerate(cases.names)}
        if cases.positive_NM is not None:
            columns |= {f"positive/{name}": cases.positive_NM[:, m].numpy() for m, name in enumerate(cases.names)}
        lists = {
            about: {name: list(over) for name, over in getattr(cases, about).items()}
            for about in ("means", "limited_by")
        }
        return columns, {**lists, "truth": cases.truth}
    if isinstance(cases, Matches):
        return columns_of_matches(cases)
    columns = {}
    for f, name in enumerate(cases.names):
        columns[f"score/{name}"] = cases.score_NF[:, f].numpy()
        columns[f"label/{name}"] = cases.label_NF[:, f].numpy()
    threshold = None if cases.threshold_F is None else cases.threshold_F.tolist()
    return columns, {"exclusive": cases.exclusive, "probabilities": cases.probabilities, "threshold": threshold}


def _cases(table: Any, about: Mapping[str, Any]) -> Cases:
    def column(name: str) -> np.ndarray:
        return table.column(name).to_numpy()

    def stack(kind: str) -> Tensor:
        return torch.from_numpy(np.stack([column(f"{kind}/{name}") for name in names], axis=1))

    names = tuple(about["names"])
    keys = CaseKeys(
        row_N=torch.from_numpy(column("row").copy()),
        group_N=torch.from_numpy(column("group").copy()),
        image_id_N=table.column("image_id").to_pylist() if "image_id" in table.column_names else None,
    )
    if "overlaps" in about:
        return matches_in(table, about, keys)
    if "exclusive" not in about:
        known = f"positive/{names[0]}" in table.column_names
        return Values(
            keys=keys,
            names=names,
            value_NM=stack("value"),
            means=about.get("means", {}),
            positive_NM=stack("positive") if known else None,
            limited_by=about.get("limited_by", {}),
            truth=about.get("truth"),
        )
    return Scores(
        keys=keys,
        names=names,
        score_NF=stack("score"),
        label_NF=stack("label"),
        exclusive=about["exclusive"],
        probabilities=about["probabilities"],
        threshold_F=None if about["threshold"] is None else torch.tensor(about["threshold"], dtype=torch.float64),
    )
