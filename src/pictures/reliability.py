"""Whether predicted probabilities come true, a panel a finding.

Axes: N cases, F findings, M bins.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.pictures.canvas import BLUE, QUIET, RULE, SMALL, save_png
from src.pictures.curve_points import BINS, Finding, ReliabilityPoints, judged_findings, reliability_points
from src.pictures.panels import foot_line, name_axes, panel_grid, unit_panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LIMITS = (0.1, 0.2, 0.3, 0.5, 1.0)
_BARS = 25
_HISTOGRAM = 70


def draw_reliability(
    probability_NF: np.ndarray, label_NF: np.ndarray, names: Sequence[str], path: Path, *, title: str
) -> list[str]:
    """Observed share against predicted probability, and below it how the predictions are spread.

    Points are at most ten bins of about equally many cases, with 95 % Wilson intervals; the expected calibration
    error (ECE) is over ten bins of equal width. Panels of rare findings end at 0.1 to 0.5, where all points and
    intervals fit. ``label_NF``: 1 present, 0 absent, NaN unknown and left out. Returns the findings drawn: those
    with a case of both kinds; where none is, there is no file. Raises UserError for scores outside 0 to 1.
    """
    findings, left_out = judged_findings(probability_NF, label_NF, names)
    if not findings:
        return []
    reading = (
        f"Points: up to {BINS} bins of equally many cases, with 95 % Wilson intervals. Dashed: probabilities that come "
        f"true. ECE: expected calibration error over {BINS} bins of equal width. Below: predicted probabilities."
    )
    points = [reliability_points(finding) for finding in findings]
    figure, panels = panel_grid(len(findings), foot_line(reading, left_out), below=_HISTOGRAM)
    for (upper, lower), finding, bins in zip(panels, findings, points, strict=True):
        limit = next(limit for limit in _LIMITS if max(bins.high_M.max(), bins.predicted_M.max()) <= limit)
        _draw_bins(upper, finding, bins, limit)
        if lower is not None:
            _draw_histogram(lower, finding.score_N, limit)
    save_png(figure, path, title=title)
    return [finding.name for finding in findings]


def _draw_bins(axes: "Axes", finding: Finding, bins: ReliabilityPoints, limit: float) -> None:
    positives, cases = int(finding.positive_N.sum()), len(finding.positive_N)
    unit_panel(axes, finding.name, f"ECE {bins.error:.3f} · {positives:,} of {cases:,} positive", limit=limit)
    name_axes(axes, "", "observed share")
    axes.set_xticklabels([])
    axes.plot((0, limit), (0, limit), color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.vlines(bins.predicted_M, bins.low_M, bins.high_M, color=BLUE, linewidth=1.0, alpha=0.55)
    axes.plot(bins.predicted_M, bins.observed_M, color=BLUE, linewidth=1.2, marker="o", markersize=3.6)


def _draw_histogram(axes: "Axes", probability_N: np.ndarray, limit: float) -> None:
    count, edges = np.histogram(probability_N, bins=_BARS, range=(0, limit))
    beyond = int((probability_N > limit).sum())
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.tick_params(colors=QUIET, labelsize=SMALL, length=0, pad=4)
    axes.stairs(count, edges, fill=True, color=BLUE, alpha=0.35, linewidth=0)
    axes.set_xlim(-0.015 * limit, 1.015 * limit)
    axes.set_ylim(0, max(int(count.max()), 1) * 1.05)
    axes.set_yticks([])
    ticks = [0, limit / 2, limit]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    name_axes(axes, "predicted probability", "cases")
    if beyond:
        axes.annotate(
            f"{beyond:,} beyond {limit:g}",
            (1, 1),
            xycoords="axes fraction",
            ha="right",
            va="top",
            fontsize=SMALL,
            color=QUIET,
        )
