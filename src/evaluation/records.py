"""What a run found, for ``task=report``: one record a setting that was judged."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.core.errors import UserError
from src.core.evaluated_model import EvaluatedModel
from src.core.files import write_text
from src.evaluation.estimate import Estimate, Figures

NAME = "records.json"


@dataclass(frozen=True, kw_only=True)
class Record:
    """``settings``: config keys with the values that this record is of, where one run judged several.

    ``figures``: what was measured. ``cases``: for each group of figures (the part of their names before the first
    slash) the Parquet file, from the run's folder, that they were computed from. ``model``: what was evaluated; None in
    records that were written before it was kept. ``evaluated_on``: how many cases of which split and data set, in
    words. ``notes``: what a reader of the figures must know, a sentence each.
    """

    settings: Mapping[str, Any]
    figures: Figures
    cases: Mapping[str, str]
    model: EvaluatedModel | None = None
    evaluated_on: str = ""
    notes: tuple[str, ...] = ()


def write_records(records: Sequence[Record], folder: Path) -> Path:
    """Write ``records.json`` into ``folder``; figures that are not finite are null."""
    whole = [
        {
            "settings": dict(record.settings),
            "figures": {name: _plain(figure) for name, figure in record.figures.items()},
            "cases": dict(record.cases),
            "model": None if record.model is None else record.model.as_dict(),
            "evaluated_on": record.evaluated_on,
            "notes": list(record.notes),
        }
        for record in records
    ]
    path = folder / NAME
    write_text(path, json.dumps(whole, indent=2, allow_nan=False) + "\n")
    return path


def read_records(folder: Path) -> list[Record]:
    """Read what ``write_records`` wrote. Raises UserError where it is not there, or damaged."""
    path = folder / NAME
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        return [
            Record(
                settings=entry["settings"],
                figures={name: _figure(value) for name, value in entry["figures"].items()},
                cases=entry["cases"],
                model=None if entry.get("model") is None else EvaluatedModel.from_dict(entry["model"]),
                evaluated_on=entry.get("evaluated_on", ""),
                notes=tuple(entry.get("notes", ())),
            )
            for entry in whole
        ]
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is missing or damaged; run its job again.") from error


def _plain(figure: Estimate | float | int) -> Any:
    if isinstance(figure, Estimate):
        return {name: _finite(value) for name, value in figure._asdict().items()}
    return _finite(figure)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _figure(value: Any) -> Estimate | float | int:
    if isinstance(value, dict):
        point, low, high = (
            math.nan if value[name] is None else float(value[name]) for name in ("value", "low", "high")
        )
        return Estimate(point, low, high, int(value.get("resamples", 0)), str(value.get("reason", "")))
    return math.nan if value is None else value
