"""Training metrics in one CSV file, which a resumed run goes on writing."""

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.loggers.logger import rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only

from src.core.files import write_text

FILE = "metrics.csv"
_Row = dict[str, Any]


class MetricsCsv(CSVLogger):
    """``metrics.csv`` in ``save_dir``, one row per logged step.

    With ``resume``, the config's, the rows of an earlier start of the run in this folder stay, up to the first one that
    is logged again; Lightning alone would delete them.
    """

    def __init__(self, *, save_dir: str, resume: bool | str | None) -> None:
        super().__init__(save_dir=save_dir, name="", version="")
        self._file = Path(save_dir) / FILE
        self._first_again: int | None = None
        self._continues = getattr(rank_zero_only, "rank", 0) == 0
        self._writer: _Writer | None = None
        self._last: tuple[int | None, Mapping[str, Any]] | None = None
        if self._continues and not resume:
            self._file.unlink(missing_ok=True)

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        """The writer of the file."""
        if self._writer is None:
            self._experiment = self._writer = _Writer(log_dir=self.log_dir)
        return self._writer

    def forget_from(self, step: int) -> None:
        """Drop the rows of ``step`` and later ones when the next row comes: these steps are done again."""
        self._first_again = step

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Keep the metrics of a step; a repeated call with the same ones adds no row."""
        if self._last == (step, metrics):
            return
        self._last = (step, dict(metrics))
        if self._continues:
            self._continues = False
            self._take_up(step, set(metrics))
        super().log_metrics(dict(metrics), step)

    def _take_up(self, step: int | None, names: set[str]) -> None:
        """Keep the file's rows of steps that are not done again."""
        if not self._file.is_file():
            return
        # a process that was killed may leave a last line that is cut short
        lines = self._file.read_text(encoding="utf-8").rpartition("\n")[0]
        reader = csv.DictReader(io.StringIO(lines))

        def comes_before(row: Mapping[str, str]) -> bool:
            """Several rows may be of one step: the first metric that is logged again ends the rows that stay."""
            at = int(row.get("step") or 0)
            if self._first_again is not None and at >= self._first_again:
                return False
            given = {name for name, value in row.items() if value} - {"step", "epoch"}
            return step is None or at < step or (at == step and not names & given)

        rows = [dict(row) for row in takewhile(comes_before, reader)]
        self.experiment.replace_rows(rows, names=reader.fieldnames or ())

    def log_hyperparams(self, params: Any = None) -> None:
        """Write nothing: the run's config.yaml holds them."""


class _Writer(ExperimentWriter):
    """Lightning's, which neither deletes nor warns of a file that is there, and rewrites it whole or not at all."""

    def replace_rows(self, rows: list[_Row], *, names: Sequence[str]) -> None:
        self.metrics_keys = list(names)
        self._write(rows)

    def _check_log_dir_exists(self) -> None:
        """Leave the files of an earlier start."""

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        del fieldnames
        with Path(self.metrics_file_path).open(newline="", encoding="utf-8") as file:
            rows: list[_Row] = list(csv.DictReader(file))
        self._write(rows)

    def _write(self, rows: list[_Row]) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=self.metrics_keys)
        writer.writeheader()
        writer.writerows(rows)
        write_text(Path(self.metrics_file_path), text.getvalue())
