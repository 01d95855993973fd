"""Two real processes on the CPU, started by the real command."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_two_processes_train_and_leave_one_folder(tiny: tuple[str, ...], tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "src.run",
        *tiny,
        "trainer=ddp",
        "trainer.accelerator=cpu",
        "trainer.precision=32-true",
        "trainer.enable_progress_bar=false",
        "trainer.max_epochs=1",
        "datamodule.batch_size=4",
        f"paths.output={tmp_path}",
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=280
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = list(tmp_path.rglob("results.json"))
    assert len(results) == 1
    assert "trained" in json.loads(results[0].read_text())
    assert len(list(tmp_path.rglob("last.ckpt"))) == 1
