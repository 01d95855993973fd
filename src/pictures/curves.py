"""ROC and precision-recall curves, a panel a finding.

Axes: N cases, F findings.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.pictures.canvas import BLUE, QUIET, RULE, save_png
from src.pictures.curve_points import CurvePoints, Finding, judged_findings, precision_recall_points, roc_points
from src.pictures.panels import foot_line, name_axes, panel_grid, unit_panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DASHED = (0, (4, 3))


def draw_roc(score_NF: np.ndarray, label_NF: np.ndarray, names: Sequence[str], path: Path) -> list[str]:
    """ROC curves of any scores, higher for present; ``label_NF``: 1 present, 0 absent, NaN unknown and left out.

    Each panel holds one finding in blue before the others in grey, with the area below it and the positives among
    its known cases. Returns the findings drawn: those with a case of both kinds. Where none is, there is no file.
    """
    reading = "Grey: the other findings. Dashed: chance." if len(names) > 1 else "Dashed: chance."
    findings, left_out = judged_findings(score_NF, label_NF, names)
    return _draw(findings, roc_points, path, "AUROC", ("1 − specificity", "sensitivity"), foot_line(reading, left_out))


def draw_precision_recall(score_NF: np.ndarray, label_NF: np.ndarray, names: Sequence[str], path: Path) -> list[str]:
    """Precision-recall curves, otherwise as ``draw_roc``; chance is the share of positives.

    The curves are steps, so that the area below each is the average precision that stands above it.
    """
    reading = "Dashed: chance, the share of positives. AP: average precision, the area below the steps."
    reading = f"Grey: the other findings. {reading}" if len(names) > 1 else reading
    findings, left_out = judged_findings(score_NF, label_NF, names)
    foot = foot_line(reading, left_out)
    return _draw(findings, precision_recall_points, path, "AP", ("recall", "precision"), foot)


def _draw(
    findings: Sequence[Finding],
    points: Callable[[Finding], CurvePoints],
    path: Path,
    area: str,
    axis_names: tuple[str, str],
    foot: str,
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
    save_png(figure, path)
    return [finding.name for finding in findings]


def _draw_chance(axes: "Axes", curve: CurvePoints, *, level: bool) -> None:
    ends = (curve.chance, curve.chance) if level else (0, 1)
    axes.plot((0, 1), ends, color=QUIET, linewidth=0.8, linestyle=_DASHED)
