"""ROC and precision-recall curves, a panel a finding.

Axes: N cases, F findings, H hits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.pictures.canvas import BLUE, QUIET, RULE, save_png
from src.pictures.curve_points import CurvePoints, Finding, judged_findings, precision_recall_points, roc_points
from src.pictures.panels import foot_line, name_axes, panel_grid, unit_panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DASHED = (0, (4, 3))


def draw_roc(score_NF: np.ndarray, label_NF: np.ndarray, names: Sequence[str], path: Path, *, title: str) -> list[str]:
    """ROC curves of any scores, higher for present; ``label_NF``: 1 present, 0 absent, NaN unknown and left out.

    Each panel holds one finding in blue before the others in grey, with the area below it and the positives among
    its known cases. Returns the findings drawn: those with a case of both kinds. Where none is, there is no file.
    """
    reading = "Grey: the other findings. Dashed: chance." if len(names) > 1 else "Dashed: chance."
    findings, left_out = judged_findings(score_NF, label_NF, names)
    foot = foot_line(reading, left_out)
    return _draw(findings, roc_points, path, "AUROC", ("1 − specificity", "sensitivity"), foot, title)


def draw_precision_recall(
    score_NF: np.ndarray, label_NF: np.ndarray, names: Sequence[str], path: Path, *, title: str
) -> list[str]:
    """Precision-recall curves, otherwise as ``draw_roc``; chance is the share of positives.

    The curves are steps, so that the area below each is the average precision that stands above it.
    """
    reading = "Dashed: chance, the share of positives. AP: average precision, the area below the steps."
    reading = f"Grey: the other findings. {reading}" if len(names) > 1 else reading
    findings, left_out = judged_findings(score_NF, label_NF, names)
    foot = foot_line(reading, left_out)
    return _draw(findings, precision_recall_points, path, "AP", ("recall", "precision"), foot, title)


@dataclass(frozen=True, kw_only=True)
class FoundCurve:
    """One finding of a detector: float ``recall_H`` and ``precision_H`` at each hit, the average precision, objects."""

    name: str
    recall_H: np.ndarray
    precision_H: np.ndarray
    average: float
    objects: int


def draw_detection_curves(curves: Sequence[FoundCurve], path: Path, *, overlap: float, title: str) -> None:
    """Precision by recall of detections at one threshold of overlap; no file without a curve.

    A curve falls to the axis at the recall that all detections together reach.
    """
    if not curves:
        return
    reading = f"At an IoU of {overlap:g}. AP: average precision over 101 recalls; a curve falls where no more is found."
    figure, panels = panel_grid(len(curves), f"Grey: the other findings. {reading}" if len(curves) > 1 else reading)
    lines = [_from_the_left(curve) for curve in curves]
    for (axes, _), curve, line in zip(panels, curves, lines, strict=True):
        unit_panel(axes, curve.name, f"AP {curve.average:.3f} · {curve.objects:,} objects")
        name_axes(axes, "recall", "precision")
        for other in lines:
            axes.plot(*other, color=RULE, linewidth=0.8, drawstyle="steps-pre")
        axes.plot(*line, color=BLUE, linewidth=1.6, drawstyle="steps-pre", solid_joinstyle="round")
    save_png(figure, path, title=title)


def _from_the_left(curve: FoundCurve) -> tuple[np.ndarray, np.ndarray]:
    """The curve from recall 0, where its highest precision holds already, down to the axis at its end."""
    recall_H, precision_H = np.asarray(curve.recall_H), np.asarray(curve.precision_H)
    if not len(recall_H):
        return np.zeros(1), np.zeros(1)
    return np.concatenate([[0], recall_H, recall_H[-1:]]), np.concatenate([precision_H[:1], precision_H, [0]])


def _draw(
    findings: Sequence[Finding],
    points: Callable[[Finding], CurvePoints],
    path: Path,
    area: str,
    axis_names: tuple[str, str],
    foot: str,
    title: str,
) -> list[str]:
    if not findings:
        return []
    curves = [points(finding) for finding in findings]
    steps = "steps-pre" if points is precision_recall_points else "default"
    figure, panels = panel_grid(len(findings), foot)
    for (axes, _), finding, curve in zip(panels, findings, curves, strict=True):
        positives, cases = int(finding.positive_N.sum()), len(finding.positive_N)
        unit_panel(axes, finding.name, f"{area} {curve.area:.3f} · {positives:,} of {cases:,} positive")
        name_axes(axes, *axis_names)
        for other in curves:
            axes.plot(other.x_T, other.y_T, color=RULE, linewidth=0.8, drawstyle=steps)
        _draw_chance(axes, curve, level=steps != "default")
        axes.plot(curve.x_T, curve.y_T, color=BLUE, linewidth=1.6, drawstyle=steps, solid_joinstyle="round")
    save_png(figure, path, title=title)
    return [finding.name for finding in findings]


def _draw_chance(axes: "Axes", curve: CurvePoints, *, level: bool) -> None:
    ends = (curve.chance, curve.chance) if level else (0, 1)
    axes.plot((0, 1), ends, color=QUIET, linewidth=0.8, linestyle=_DASHED)
