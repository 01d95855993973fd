"""How many pairs of a split are used, and why the others are not: numbers for the lines at a run's start."""

from collections.abc import Mapping
from dataclasses import dataclass

from src.data.sources import Split


@dataclass(frozen=True, kw_only=True)
class SplitCounts:
    """The pairs of one split.

    ``listed``: before any was left out, after ``datamodule.fraction``. ``left_out``: by reason, such as "report empty".
    ``unknown_share``: of the reports' tokens, how many the vocabulary does not know; None without reports.
    """

    split: Split
    listed: int
    kept: int
    left_out: Mapping[str, int]
    unknown_share: float | None

    def __str__(self) -> str:
        """Return "train: 95 of 100 pairs (3 report empty, 2 image missing or unreadable left out)"."""
        if not self.left_out:
            return f"{self.split}: {self.kept} pairs"
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.left_out.items())
        return f"{self.split}: {self.kept} of {self.listed} pairs (left out: {reasons})"


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """The steps of one training epoch, each of ``batch_size`` pairs for each of ``processes`` processes.

    ``dropped``: pairs that one epoch leaves out, others in each: of the last incomplete batch, and those that do not
    share out among the processes.
    """

    steps: int
    batch_size: int
    processes: int
    dropped: int

    def __str__(self) -> str:
        """Return "14 steps per epoch of 64 pairs, 4 pairs dropped in each epoch"."""
        each = f"{self.batch_size} pairs" if self.processes == 1 else f"{self.processes} x {self.batch_size} pairs"
        dropped = f", {self.dropped} pairs dropped in each epoch (incomplete last batch)" if self.dropped else ""
        return f"{self.steps} steps per epoch of {each}{dropped}"


def epoch_of(size: int, *, batch_size: int, processes: int, drop_last: bool) -> Epoch:
    """Return the training epoch of ``size`` pairs; ``drop_last``: whether an incomplete last batch is left out."""
    share = size // processes
    steps = share // batch_size if drop_last else -(-share // batch_size)
    used = steps * batch_size if drop_last else share
    return Epoch(steps=steps, batch_size=batch_size, processes=processes, dropped=size - used * processes)
