"""What a sweep prints in the process that was started, and what of a start that failed it takes back."""

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from src.core.files import write_text
from src.core.output import print_lines
from src.engine.sweep_summary import MULTIRUN, summary, sweep_state

_begun: "_Begun | None" = None


class SweepProgress(Callback):
    """Print the summary of a sweep after its last job; end with code 1 where a job failed."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Remember what the sweep's folder held before Hydra writes to it."""
        global _begun
        del kwargs
        _begun = _Begun(Path(str(config.hydra.sweep.dir)))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the summary, or raise it as the message of SystemExit."""
        global _begun
        from src.tasks.reporting.jobs import how_many_jobs

        del kwargs
        _begun = None
        sweep = Path(str(config.hydra.sweep.dir))
        if not (sweep / MULTIRUN).is_file():
            return
        state = sweep_state(sweep, how_many_jobs(sweep))
        text = summary(sweep, state)
        if state.failed:
            raise SystemExit(f"\nError: {text[0].lower()}{text[1:]}")
        print_lines("", text)


def take_back_sweep() -> None:
    """Remove what a sweep that began no job has written, and put back the file of an earlier sweep of its name."""
    global _begun
    begun, _begun = _begun, None
    if begun is not None:
        begun.take_back()


class _Begun:
    """A sweep's folder, its ``multirun.yaml`` before, and the folders above it that were not there."""

    def __init__(self, sweep: Path) -> None:
        self.sweep = sweep
        self.file = sweep / MULTIRUN
        self.before = self.file.read_text(encoding="utf-8") if self.file.is_file() else None
        self.missing = [path for path in (sweep, *sweep.parents) if not path.exists()]

    def take_back(self) -> None:
        if not self.file.is_file():
            return
        started = self.file.stat().st_mtime
        if any(path.is_dir() and path.stat().st_mtime >= started for path in self.sweep.iterdir()):
            return
        if self.before is not None:
            write_text(self.file, self.before)
            return
        self.file.unlink()
        for path in self.missing:
            try:
                path.rmdir()
            except OSError:
                return
