"""Runs one benchmark and keeps what it printed."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from src.core.files import write_text


def bench(*, benchmark: Callable[..., str], part: Callable[[str], Any], run_dir: Path) -> None:
    """Run ``benchmark``, print its figures and keep them in ``bench.txt``.

    ``benchmark`` names the parts that it measures as its parameters, and returns what it found as lines of text.
    """
    text = benchmark(**{name: part(name) for name in inspect.signature(benchmark).parameters})
    path = run_dir / "bench.txt"
    write_text(path, text + "\n")
    print(f"{text}\n\nKept in {path}")
