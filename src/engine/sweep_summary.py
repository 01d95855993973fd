"""What a user reads at the end of a sweep of which jobs failed."""

from pathlib import Path

from src.core.errors import UserError
from src.core.finished import DONE, FAILED, read_failure


class JobFailedError(UserError):
    """A job of a sweep came to nothing; the sweep's other jobs go on. It can be sent between processes."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"job {folder.name} failed: {reason}")
        self.folder = folder
        self.reason = reason

    def __reduce__(self) -> tuple[type["JobFailedError"], tuple[Path, str]]:
        return type(self), (self.folder, self.reason)


def summary(error: JobFailedError) -> str:
    """Which jobs of the sweep failed and why, jobs with the same reason together, and what to do."""
    sweep = error.folder.parent
    reasons = {path.parent.name: read_failure(path.parent) for path in sweep.glob(f"*/{FAILED}")}
    failed = {name: reason for name, reason in reasons.items() if reason is not None} or {
        error.folder.name: error.reason
    }
    done = sum(path.parent.name not in failed for path in sweep.glob(f"*/{DONE}"))
    lines = [f"Error: {len(failed)} of the jobs in {sweep} failed, {done} are finished."]
    together: dict[str, list[str]] = {}
    for name in sorted(failed, key=lambda name: name.rjust(9)):
        together.setdefault(failed[name], []).append(name)
    lines += [f"  {', '.join(names)}: {reason}" for reason, names in together.items()]
    lines.append("The same command does the failed jobs again and skips the finished ones.")
    return "\n".join(lines)
