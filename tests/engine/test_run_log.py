"""run.log holds what was printed, once and without progress bars."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from src.core.errors import UserError
from src.engine.run_log import recorded
from src.engine.say import readable
from src.engine.sweep_summary import JobFailedError


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


def test_prints_warnings_and_log_messages_once(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler(sys.stdout)
    logger = logging.getLogger("test_run_log")
    # handlers of an earlier test may have a stream that is closed
    logger.propagate = False
    logger.addHandler(handler)
    try:
        with recorded(log, readable):
            sys.stdout.write("a table\n  of two lines\n")
            logger.warning("left out")
            sys.stderr.write("of a library\n")
            sys.stdout.write("no newline at the end")
    finally:
        logger.removeHandler(handler)
    assert log.read_text() == "a table\n  of two lines\nleft out\nof a library\nno newline at the end\n"
    assert capsys.readouterr() == ("a table\n  of two lines\nleft out\nno newline at the end", "of a library\n")


def test_nothing_is_recorded_after_the_block(log: Path) -> None:
    with recorded(log, readable):
        kept = sys.stdout
        sys.stdout.write("within\n")
    sys.stdout.write("after\n")
    kept.write("by a handler that was made within\n")
    assert log.read_text() == "within\n"
    assert sys.stdout is not kept


def test_a_progress_bar_leaves_no_line(log: Path) -> None:
    with recorded(log, readable):
        for _ in tqdm(range(3), leave=False):
            tqdm.write("epoch 1", file=sys.stderr)
        # a bar below a bar
        with tqdm(range(2)) as one, tqdm(range(2), leave=False) as below:
            below.update()
            one.update()
        sys.stderr.write("\x1b[Aafter a bar\n")
    assert log.read_text().split("\n") == ["epoch 1", "epoch 1", "epoch 1", "after a bar", ""]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("a.csv, row 3: no."), "Error: a.csv, row 3: no."),
        (SystemExit("\nError: said"), "Error: said"),
        (KeyboardInterrupt(), "Stopped by Ctrl-C."),
        (ZeroDivisionError("ours"), "ZeroDivisionError: ours"),
    ],
)
def test_an_error_is_recorded_as_the_terminal_shows_it(error: BaseException, line: str, log: Path) -> None:
    with pytest.raises(type(error)), recorded(log, readable):
        raise error
    assert log.read_text().splitlines()[-1] == line
    assert ("Traceback" in log.read_text()) == isinstance(error, ZeroDivisionError)


def test_the_failure_of_a_job_is_logged_elsewhere(log: Path) -> None:
    with pytest.raises(JobFailedError), recorded(log, readable):
        raise JobFailedError(Path("s/0"), "no.")
    assert not log.exists()


def test_processes_that_share_the_file_write_whole_lines(log: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from src.engine.run_log import recorded\n"
        "with recorded(Path(sys.argv[1]), lambda error: None):\n"
        "    for number in range(200): print(sys.argv[2] * 300)"
    )
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", code, str(log)]
    for process in [subprocess.Popen([*command, name], cwd=root, stdout=subprocess.DEVNULL) for name in "ab"]:
        assert process.wait() == 0
    lines = log.read_text().splitlines()
    assert len(lines) == 400
    assert set(lines) == {"a" * 300, "b" * 300}


def test_a_folder_that_cannot_be_written_ends_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with recorded(tmp_path / "gone" / "run.log", readable):
        sys.stdout.write("printed\n")
    assert capsys.readouterr().out == "printed\n"


def test_a_run_goes_on_where_its_output_is_read_no_further(log: Path) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from src.engine.run_log import recorded\n"
        f"with recorded(Path({str(log)!r}), str):\n"
        "    for number in range(20000):\n"
        "        print('step', number)\n"
        "    sys.stdout.flush()\n"
        f"Path({str(log.with_name('trained'))!r}).write_text('yes')\n"
    )
    piped = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert piped.stdout is not None
    assert piped.stderr is not None
    assert piped.stdout.readline() == "step 0\n"
    piped.stdout.close()
    assert piped.stderr.read() == ""
    assert piped.wait() == 0
    assert log.with_name("trained").read_text() == "yes"
    assert log.read_text().splitlines()[-1] == "step 19999"
