"""The notes below the figures of a run of a published experiment: where it leaves the published protocol."""

from collections.abc import Sequence
from pathlib import Path

from src.core.files import write_text


def show_protocol_notes(notes: Sequence[str], run_dir: Path) -> None:
    """Print ``notes`` and add them to ``results.md``; nothing without notes."""
    if not notes:
        return
    print("", *notes, sep="\n")
    results = run_dir / "results.md"
    write_text(results, "\n".join([results.read_text(encoding="utf-8"), *(f"- {note}" for note in notes), ""]))
