"""The notes below the figures of a run of a published experiment: where it leaves the published protocol."""

import json
from collections.abc import Sequence
from pathlib import Path

from src.core.files import write_text

_FILE = "protocol.json"


def show_protocol_notes(notes: Sequence[str], run_dir: Path) -> None:
    """Print ``notes``, add them to ``results.md`` and keep them for ``task=report``; nothing without notes."""
    if not notes:
        return
    print("", *notes, sep="\n")
    results = run_dir / "results.md"
    write_text(results, "\n".join([results.read_text(encoding="utf-8"), *(f"- {note}" for note in notes), ""]))
    write_text(run_dir / _FILE, json.dumps({"notes": list(notes)}, indent=2) + "\n")


def read_protocol_notes(run_dir: Path) -> tuple[str, ...]:
    """What ``show_protocol_notes`` kept; empty where there is nothing, or nothing that can be read."""
    try:
        return tuple(map(str, json.loads((run_dir / _FILE).read_text(encoding="utf-8"))["notes"]))
    except (OSError, LookupError, TypeError, ValueError):
        return ()
