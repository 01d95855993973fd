"""How many prototypes are in use, and how evenly.

Axes: K prototypes.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from src.pictures.canvas import BLUE, ORANGE, QUIET, SMALL, heading, new_figure, quiet_axes, save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_prototype_usage(
    image_count_K: np.ndarray,
    text_count_K: np.ndarray,
    path: Path,
    *,
    agreement: float,
    chance_agreement: float,
    title: str,
) -> None:
    """Assignments a prototype, most used first, for images (left) and reports (right).

    ``agreement``: fraction of studies whose image and report choose the same prototype; ``chance_agreement``: what
    random pairing would give.
    """
    figure = new_figure(1500, 560)
    left, right = figure.subplots(1, 2, sharey=True)
    _draw_counts(left, "images", np.asarray(image_count_K), BLUE)
    _draw_counts(right, "reports", np.asarray(text_count_K), ORANGE)
    left.set_ylabel("studies assigned", fontsize=SMALL, color=QUIET)
    figure.text(
        0.5,
        0.03,
        f"an image and its report choose the same prototype in {agreement:.1%} of studies; "
        f"{chance_agreement:.1%} if paired at random",
        ha="center",
        fontsize=SMALL,
        color=QUIET,
    )
    figure.tight_layout(pad=1.2, w_pad=2.5, rect=(0, 0.07, 1, 1))
    save_png(figure, path, title=title)


def _draw_counts(axes: "Axes", title: str, count_K: np.ndarray, colour: str) -> None:
    sorted_K = np.sort(count_K)[::-1]
    share_K = sorted_K[sorted_K > 0] / sorted_K.sum()
    effective = float(np.exp(-(share_K * np.log(share_K)).sum()))
    quiet_axes(axes)
    heading(axes, title, aside=f"{len(share_K)} of {len(sorted_K)} used, as if {effective:.1f} evenly")
    axes.stairs(sorted_K, np.arange(len(sorted_K) + 1) + 0.5, fill=True, color=colour, linewidth=0.8)
    axes.axhline(sorted_K.sum() / len(sorted_K), color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.annotate(
        "even use",
        (1, sorted_K.sum() / len(sorted_K)),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        fontsize=SMALL,
        color=QUIET,
    )
    axes.set_xlim(0.5 - 0.01 * len(sorted_K), len(sorted_K) + 0.5)
    axes.set_xlabel("prototypes, most used first", fontsize=SMALL, color=QUIET)
