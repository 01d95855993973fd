"""A lock that another process holds, and one whose holder was killed."""

import subprocess
import sys
from pathlib import Path

import pytest

from src.core.lock import HeldError, only_process

ROOT = Path(__file__).resolve().parents[2]
HOLD = (
    "import os, sys, time; from pathlib import Path; from src.core.lock import only_process\n"
    "with only_process(Path(sys.argv[1])):\n"
    "    if os.fork() == 0: os.close(1); time.sleep(5); os._exit(0)\n"
    "    print('held', flush=True); sys.stdin.read()"
)


def test_only_one_process_holds_it_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    lock = tmp_path / "job" / ".lock"
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(HeldError, match=rf"process {other.pid} on \S+"), only_process(lock):
            raise AssertionError
        # its forked child lives on, and must not hold the lock
        other.kill()
        other.wait()
        with only_process(lock):
            pass
        other.stdout.close()
