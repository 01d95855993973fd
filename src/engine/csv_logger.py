"""Training figures in one CSV file, which a resumed run goes on writing."""

import csv
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities import rank_zero_only

FILE, SET_ASIDE = "metrics.csv", ".metrics.csv"


class MetricsCsv(CSVLogger):
    """``metrics.csv`` in ``save_dir``, one row a logged step.

    With ``resume``, the config's, the rows of an earlier start of the run in this folder are kept up to the first one
    that is logged anew; Lightning alone would delete them.
    """

    def __init__(self, *, save_dir: str, resume: bool | str | None) -> None:
        super().__init__(save_dir=save_dir, name="", version="")
        self._metrics_file = Path(save_dir) / FILE
        self._aside = Path(save_dir) / SET_ASIDE
        self._keeps = getattr(rank_zero_only, "rank", 0) == 0
        if self._keeps and self._metrics_file.is_file():
            self._metrics_file.replace(self._aside)
        if self._keeps and not resume:
            self._aside.unlink(missing_ok=True)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Keep the figures of a step."""
        if self._keeps:
            self._keeps = False
            self._take_up(step, set(metrics))
        super().log_metrics(dict(metrics), step)

    def _take_up(self, step: int | None, names: set[str]) -> None:
        if not self._aside.is_file():
            return
        with self._aside.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        figures = [{key: value for key, value in row.items() if value} for row in rows]

        def comes_before(row: Mapping[str, str]) -> bool:
            """Several rows may be of one step: what comes anew is what shares a figure with the first that comes."""
            at = int(row.get("step", 0))
            return step is None or at < step or (at == step and not names & (row.keys() - {"step", "epoch"}))

        self.experiment.metrics[:0] = takewhile(comes_before, figures)
        self.save()
        self._aside.unlink()

    def log_hyperparams(self, params: Any = None) -> None:
        """Write nothing: the run's config.yaml holds them."""
