"""The file of published figures: a line says what its value is of."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from src.core.errors import UserError

SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "published.csv"
_WEIGHTS = ("random", "pretrained", "checkpoint", "")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A published value and all that it is of.

    ``dataset``: the option of conf/dataset. ``experiment``: the option of conf/experiment that has the protocol, with
    its split, labels, head and training, and ``settings``, further overrides. ``method``: its name in the paper.
    ``architecture``: the encoder's name in timm or on the Hugging Face Hub. ``weights``: ``random``, ``pretrained`` for
    those of its library, ``checkpoint`` for MGCA's released file or a run like the experiment ``pretraining``, empty
    for a method that no model here is. ``images``: how many are evaluated, None where no source says. ``fraction``: of
    the training images.
    """

    dataset: str
    experiment: str
    settings: tuple[str, ...]
    method: str
    architecture: str
    weights: str
    pretraining: str
    images: int | None
    fraction: float
    metric: str
    value: float
    source: str


COLUMNS = tuple(field.name for field in fields(Figure))
_TEXTS = tuple(field.name for field in fields(Figure) if field.type is str)


def read_figures(path: Path) -> list[Figure]:
    """Read a CSV file of ``COLUMNS``; ``settings`` are separated by spaces, values are fractions of 1.

    Raises UserError naming the file and line of what cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = csv.DictReader(file)
            if tuple(lines.fieldnames or ()) != COLUMNS:
                raise UserError(
                    f"{path} must have the columns {', '.join(COLUMNS)}; correct its first line, as {SHIPPED.name} of "
                    "the sources has it."
                )
            return list(_figures(path, lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"task.published={path} cannot be read; give a CSV file, or task.published=shipped or null."
        ) from error


def _figures(path: Path, lines: "csv.DictReader[str]") -> Iterator[Figure]:
    for row in lines:
        where = f"{path}, line {lines.line_num}"
        if None in row or None in row.values():
            raise UserError(f"{where} must have {len(COLUMNS)} values; correct the line.")
        text = {name: value.strip() for name, value in row.items()}
        try:
            figure = Figure(
                **{name: text[name] for name in _TEXTS},
                settings=tuple(text["settings"].split()),
                images=int(text["images"]) if text["images"] else None,
                fraction=float(text["fraction"]),
                value=float(text["value"]),
            )
        except ValueError as error:
            raise UserError(f"{where}: images, fraction and value must be numbers; correct the line.") from error
        if figure.weights not in _WEIGHTS or bool(figure.pretraining) != (figure.weights == "checkpoint"):
            raise UserError(
                f"{where}: weights must be random, pretrained, empty, or checkpoint with the experiment that trained "
                "it as pretraining; correct the line."
            )
        yield figure
