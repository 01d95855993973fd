"""How a training went, from the CSV file that Lightning's CSVLogger writes."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.core.errors import UserError
from src.pictures.canvas import BLUE, ORANGE, QUIET, SMALL, TEAL, bare_image, heading, new_figure, quiet_axes, save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curve = tuple[np.ndarray, np.ndarray]
_STAGES = {"train": BLUE, "val": ORANGE}
_NOT_A_LOSS = ("accuracy", "images_per_second", "learning_rate")
_COLUMNS = 3
_PANEL = (620, 430)
_FEW_POINTS = 40
_SEEN_AS_LINE = 3


def draw_training_curves(metrics_csv: Path, path: Path, *, title: str, candidates: int | None = None) -> None:
    """Total loss, each part, accuracy within the batch and learning rate against the step, one panel each.

    Training is drawn faintly as logged and, where there are many points, as a running mean; validation with a dot a
    point. ``candidates``: among how many pairs accuracy is measured, for its chance; None where that is not known.
    Raises UserError where the file is not there or holds no curve.
    """
    curves = read_curves(metrics_csv)
    panels = _panels(curves)
    if not panels:
        raise UserError(f"{metrics_csv} holds no losses to draw; train with logger=[csv] for at least one logged step.")
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(_PANEL[0] * columns, _PANEL[1] * rows)
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for panel, (name_of_panel, names) in zip(axes, panels.items(), strict=False):
        _draw_panel(panel, name_of_panel, {name: curves[name] for name in names}, candidates)
    for panel in axes[len(panels) :]:
        bare_image(panel)
    figure.tight_layout(pad=1.2, w_pad=2.0, h_pad=1.6)
    save_png(figure, path, title=title)


def read_curves(metrics_csv: Path) -> dict[str, Curve]:
    """Steps and values of every column that is logged by the step, in the file's order; blanks and NaN left out."""
    if not metrics_csv.is_file():
        raise UserError(f"{metrics_csv} is not there; train with logger=[csv] to have curves.")
    points: dict[str, list[tuple[float, float]]] = {}
    with metrics_csv.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            step = float(row.pop("step", None) or "nan")
            row.pop("epoch", None)
            for name, text in row.items():
                value = float(text or "nan")
                if math.isfinite(value) and math.isfinite(step):
                    points.setdefault(name, []).append((step, value))
    return {name: (np.array(pairs)[:, 0], np.array(pairs)[:, 1]) for name, pairs in points.items()}


def running_mean(value_N: np.ndarray, width: int) -> np.ndarray:
    """Mean over a centred window of ``width`` points, narrower at the ends."""
    total_N = np.concatenate([[0.0], np.cumsum(value_N)])
    index_N = np.arange(len(value_N))
    first_N = np.maximum(index_N - width // 2, 0)
    last_N = np.minimum(index_N + width // 2 + 1, len(value_N))
    return (total_N[last_N] - total_N[first_N]) / (last_N - first_N)


def _panels(curves: Mapping[str, Curve]) -> dict[str, list[str]]:
    """Panel titles with the curves each holds: the total first, then its parts, accuracy, learning rate."""
    staged = [name for name in curves if name.partition("/")[0] in _STAGES]
    losses = [name for name in staged if not any(word in name for word in _NOT_A_LOSS)]
    parts = sorted({_part(name) for name in losses} - {"loss"})
    panels = {"total loss": [name for name in losses if _part(name) == "loss"]}
    panels |= {f"{part} loss": [name for name in losses if _part(name) == part] for part in parts}
    panels["accuracy within the batch (%)"] = [name for name in staged if "accuracy" in name]
    panels["learning rate"] = [name for name in curves if name.startswith("lr-")][:1]
    return {title: names for title, names in panels.items() if names}


def _part(name: str) -> str:
    return name.partition("/")[2].removesuffix("_step").removesuffix("_epoch")


def _draw_panel(axes: "Axes", title: str, curves: Mapping[str, Curve], candidates: int | None) -> None:
    from matplotlib.ticker import MaxNLocator

    quiet_axes(axes)
    heading(axes, title)
    ticks = sorted({_part(name) for name in curves})
    for name, (step_N, value_N) in curves.items():
        stage = name.partition("/")[0]
        dash = "-" if _part(name) == ticks[0] else (0, (4, 2))
        label = stage if len(ticks) == 1 else f"{stage}, {_part(name).removeprefix('accuracy_').replace('_', ' ')}"
        _draw_curve(axes, step_N, value_N, stage, dash, label)
    if candidates and "accuracy" in title:
        _draw_chance(axes, ticks, candidates)
    axes.set_xlabel("step", fontsize=SMALL, color=QUIET)
    axes.set_ylabel(_unit(title), fontsize=SMALL, color=QUIET)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.margins(x=0.02)
    if title == "learning rate":
        axes.locator_params(axis="y", nbins=4)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    else:
        axes.legend(frameon=False, fontsize=SMALL, labelcolor=QUIET, handlelength=1.8)


def _unit(title: str) -> str:
    return "loss" if title.endswith("loss") else "accuracy (%)" if "accuracy" in title else title


def _draw_chance(axes: "Axes", measures: list[str], candidates: int) -> None:
    """The accuracy of guessing among ``candidates``, for each ``accuracy_at_K``."""
    for number, measure in enumerate(measures):
        k = measure.rpartition("_")[2]
        if k.isdecimal():
            label = f"chance among {candidates}" if number == 0 else None
            chance = 100 * min(1.0, int(k) / candidates)
            axes.axhline(chance, color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)), label=label)


def _draw_curve(axes: "Axes", step_N: np.ndarray, value_N: np.ndarray, stage: str, dash: object, label: str) -> None:
    colour = _STAGES.get(stage, TEAL)
    style: dict[str, object] = {"color": colour, "linestyle": dash, "solid_capstyle": "round"}
    if stage == "val" or len(value_N) < _SEEN_AS_LINE:
        style |= {"marker": "o", "markersize": 3.5}
    if stage == "train" and len(value_N) > _FEW_POINTS:
        axes.plot(step_N, value_N, color=colour, linewidth=0.6, alpha=0.25)
        value_N = running_mean(value_N, max(5, len(value_N) // 25))
    axes.plot(step_N, value_N, linewidth=1.6, label=label, **style)  # type: ignore[arg-type]
