"""Training figures in one CSV file, which a resumed run goes on writing."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities import rank_zero_only

FILE, SET_ASIDE = "metrics.csv", ".metrics.csv"


class MetricsCsv(CSVLogger):
    """``metrics.csv`` in ``save_dir``, one row a logged step.

    With ``resume``, the config's, the rows of an earlier start of the run in this folder are kept up to the first step
    that is logged now; Lightning alone would delete them.
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
            self._take_up(step)
        super().log_metrics(dict(metrics), step)

    def _take_up(self, step: int | None) -> None:
        if not self._aside.is_file():
            return
        with self._aside.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        kept = [row for row in rows if row.get("step") and (step is None or int(row["step"]) < step)]
        self.experiment.metrics[:0] = [{key: value for key, value in row.items() if value} for row in kept]
        self.save()
        self._aside.unlink()
