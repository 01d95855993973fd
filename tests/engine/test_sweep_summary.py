"""How far a sweep is by its folders, and its closing lines, with times set by hand."""

import os
import shlex
import time
from pathlib import Path

import pytest

from src.core.finished import write_failure
from src.engine.sweep_summary import report_command, summary, sweep_state, time_left


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Started 100 seconds ago: job 0 was finished before, 1 is done, 2 has failed, 3 runs; 10 is of a larger sweep."""
    folder = tmp_path / "s"
    now = time.time()
    for number in (0, 1, 2, 3, 10):
        (folder / str(number)).mkdir(parents=True)
    (folder / "multirun.yaml").touch()
    os.utime(folder / "multirun.yaml", (now - 100, now - 100))
    for number, at in ((0, now - 500), (1, now - 50), (10, now - 500)):
        (folder / str(number) / "done.json").touch()
        os.utime(folder / str(number) / "done.json", (at, at))
    (folder / "1" / "records.json").touch()
    write_failure(folder / "2", "no.")
    return folder


def test_the_state_and_the_time_left(sweep: Path) -> None:
    state = sweep_state(sweep, 6)
    assert (state.done, state.skipped, state.failed) == (("1",), ("0",), {"2": "no."})
    # two jobs in 100 s; 3, 4 and 5 are left
    assert state.left_s == pytest.approx(150, abs=5)
    assert time_left(state) in ("; about 2 min left", "; about 3 min left")
    assert time_left(sweep_state(sweep, 0)) == ""


def test_the_summary_names_what_failed_and_the_table(sweep: Path) -> None:
    lines = summary(sweep, sweep_state(sweep, 4)).splitlines()
    assert lines[0].startswith(
        f"Sweep {sweep}: 1 done, 1 finished before and skipped, 1 failed, 1 left to other processes, in 1 min 4"
    )
    assert lines[1] == "  folder 2: no."
    assert lines[-1].endswith(f"python -m src.run task=report sweep={sweep} task.unfinished=leave_out")


@pytest.mark.parametrize("name", ["plain", "Müller's, 3 (neu)", 'a "b" = ~c', "C:\\x", 'a\\"b', "ends with \\"])
def test_the_command_of_the_table_survives_shell_and_hydra(name: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    words = shlex.split(report_command(Path("outputs/sweeps") / name, leave_out=False))
    (parsed,) = OverridesParser.create().parse_overrides([words[-1]])
    assert words[:-1] == ["python", "-m", "src.run", "task=report"]
    assert parsed.value() == f"outputs/sweeps/{name}"
