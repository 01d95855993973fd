"""The stages of the Dockerfile, and make with an engine that only keeps what it is asked to do."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docker.dockerfile import Stage, parse

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def stages() -> dict[str, Stage]:
    """The stages of docker/Dockerfile by name."""
    return parse((ROOT / "docker/Dockerfile").read_text())


class Made(NamedTuple):
    """What make left: its exit code, what it printed, and the arguments of each call of the engine."""

    code: int
    out: str
    calls: list[list[str]]


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Made]:
    """``make ARGUMENTS`` with the repository's Makefile in ``tmp_path``."""
    engine, log = tmp_path / "engine", tmp_path / "calls"
    engine.write_text(f'#!/bin/sh\n{{ printf "%s\\037" "$@"; echo; }} >> "{log}"\n')
    engine.chmod(0o755)

    def run(*arguments: str) -> Made:
        command = ["make", "--no-print-directory", "--file", str(ROOT / "Makefile"), f"DOCKER={engine}", *arguments]
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
        done = subprocess.run(command, cwd=tmp_path, env=kept, capture_output=True, text=True)
        lines = log.read_text().splitlines() if log.exists() else []
        return Made(done.returncode, done.stdout + done.stderr, [line.split("\037")[:-1] for line in lines])

    return run
