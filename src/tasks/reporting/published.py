"""Figures that papers have published, for a column beside ours."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from src.core.errors import UserError
from src.tasks.reporting.axes import Point, setting
from src.tasks.reporting.jobs import Job

SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "published.csv"
_HEADER = ["dataset", "method", "fraction", "metric", "value", "source"]
_ARCHITECTURES = {
    "resnet50": "MGCA ResNet-50",
    "deit_base_patch16": "MGCA ViT-B/16",
    "vit_base_patch16": "MGCA ViT-B/16",
}

_DENSE_HEADS = {"detect_published": ("yolov3",), "segment_published": ("unet", "setr_pup")}
"""What the papers train on the encoder's maps."""


class Figure(NamedTuple):
    """What a figure is of, so that another one of the same can be put beside it."""

    dataset: str
    method: str
    fraction: float
    metric: str


@dataclass(frozen=True)
class Published:
    """Published figures with their sources, in the file's order."""

    values: Mapping[Figure, tuple[float, str]]

    def beside(self, point: Point, metric: str) -> tuple[float, str] | None:
        """The published figure of what ``point`` measured, and its source."""
        dataset, method = str(point.job.done.choices.get("dataset")), method_of(point.job)
        if method is None or not _follows_protocol(point.job, metric):
            return None
        return self.values.get(Figure(dataset, method, fraction_of(point), metric))

    def methods(self, dataset: str) -> list[str]:
        """Every method that has a figure on ``dataset``."""
        return list(dict.fromkeys(figure.method for figure in self.values if figure.dataset == dataset))


def read_published(path: Path) -> Published:
    """Read a CSV file of the columns dataset, method, fraction, metric, value, source; values are fractions of 1.

    Raises UserError naming the file and line of what cannot be read.
    """
    values: dict[Figure, tuple[float, str]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = csv.DictReader(file)
            if lines.fieldnames != _HEADER:
                raise UserError(f"{path} must have the columns {', '.join(_HEADER)}; correct its first line.")
            for row in lines:
                figure = Figure(row["dataset"], row["method"], float(row["fraction"]), row["metric"])
                values[figure] = float(row["value"]), row["source"]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"task.published={path} cannot be read; give a CSV file, or task.published=shipped or null."
        ) from error
    except (TypeError, ValueError, csv.Error) as error:
        raise UserError(
            f"{path}, line {lines.line_num}: fraction and value must be numbers; correct the line."
        ) from error
    return Published(values)


def method_of(job: Job) -> str | None:
    """What a published table would call the encoder that ``job`` judged; None where it has no name for it."""
    weights, checkpoint = setting(job, "weights"), setting(job, "checkpoint")
    pretrained = setting(job, "encoder.image.pretrained") or setting(job, "encoder.image.weights")
    if weights == "random" or (weights == "auto" and checkpoint is None and not pretrained):
        return "random"
    if weights == "named" or checkpoint is None:
        return "ImageNet"
    name = str(setting(job, "encoder.image.name"))
    return next((method for start, method in _ARCHITECTURES.items() if name.startswith(start)), None)


def fraction_of(point: Point) -> float:
    """The share of the training data that ``point`` learnt from."""
    value = point.settings.get("datamodule.fraction", setting(point.job, "datamodule.fraction"))
    return float(value) if isinstance(value, int | float) else 1.0


def _follows_protocol(job: Job, metric: str) -> bool:
    """Whether the job trained what the papers train on a frozen encoder, where ``metric`` is of a trained head."""
    group = metric.partition("/")[0]
    if group == "classify":
        return setting(job, "head") == "linear" and setting(job, "probe.frozen") is not False
    if group in _DENSE_HEADS:
        return setting(job, "head") in _DENSE_HEADS[group] and setting(job, "tuning.trained_blocks") == 0
    return True
