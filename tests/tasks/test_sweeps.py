"""Real sweeps in small: what their jobs leave, what is skipped, what a killed one still does, and their table."""

import json
import multiprocessing
import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path

# Retrieval with random weights needs no training, so that a job takes a fraction of a second.
JUDGE = ("task=retrieve", "weights=random", "resamples=20", "name=s")


def test_a_sweep_its_table_and_its_second_start(run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path) -> None:
    command = ("-m", *tiny, *JUDGE, "model.embedding_dim=8,16")
    first = run_cli(*command)
    assert first.code == 0, first.err
    sweep = tmp_path / "outputs" / "sweeps" / "s"
    assert sorted(path.name for path in sweep.iterdir()) == ["0", "1", "multirun.yaml"]
    stamps = {path: path.stat().st_mtime_ns for path in sweep.glob("*/done.json")}
    assert len(stamps) == 2

    again = run_cli(*command)
    assert again.code == 0, again.err
    assert len(re.findall(r"job \d of 2 \(\S+\) is finished already", again.out)) == 2
    assert f"Sweep {sweep}: 0 done, 2 finished before and skipped, in " in again.out
    assert stamps == {path: path.stat().st_mtime_ns for path in sweep.glob("*/done.json")}

    other = run_cli("-m", *tiny, *JUDGE, "model.embedding_dim=8,16", "model.hidden_dim=8")
    assert other.code == 1
    assert "folders 0, 1:" in other.err
    assert "give this one a name of its own with name=NAME" in other.err
    assert "Traceback" not in other.err
    assert stamps == {path: path.stat().st_mtime_ns for path in sweep.glob("*/done.json")}

    command = first.out.rpartition("Table of the finished jobs: ")[2].strip()
    assert command == f"python -m src.run task=report sweep={sweep}"
    assert re.search(r"job 2 of 2 \(\S+\) is done, in .*: retrieval: image to text recall at 10 0\.\d+\n", first.out)
    table = run_cli(*shlex.split(command)[3:], "task.baseline='embedding_dim=8'", "resamples=20")
    assert table.code == 0, table.err
    assert re.search(r"\| embedding_dim=16 +\| +\**0\.\d+ \[", table.out)
    assert {path.name for path in (sweep / "report").iterdir()} == {
        f"report.{kind}" for kind in ("md", "csv", "tex", "png")
    }


def test_one_failed_job_leaves_the_others_going(run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path) -> None:
    answer = run_cli("-m", *tiny, *JUDGE, "datamodule.batch_size=0,8")
    assert answer.code == 1
    sweep = tmp_path / "outputs" / "sweeps" / "s"
    assert f"Error: sweep {sweep}: 1 done, 1 failed, in " in answer.err
    assert re.search(r"\n  folder 0: datamodule\.batch_size=0 is not valid", answer.err)
    assert "job 1 of 2" in answer.out
    assert "Traceback" not in answer.out + answer.err
    sweep = tmp_path / "outputs" / "sweeps" / "s"
    assert [path.parent.name for path in sweep.glob("*/done.json")] == ["1"]
    command = answer.err.rpartition("Table of the finished jobs: ")[2].strip()
    assert run_cli(*shlex.split(command)[3:], "resamples=0").code == 0
    table = run_cli("task=report", f"sweep={sweep}")
    assert table.code == 1
    assert "0 (datamodule.batch_size=0 is not valid" in table.err


def test_a_killed_sweep_finishes(run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path) -> None:
    typed = ("-m", *tiny, *JUDGE, "dataset.test=16,300")
    sweep = tmp_path / "outputs" / "sweeps" / "s"
    # forked, so that it need not load everything anew
    process = multiprocessing.get_context("fork").Process(target=run_cli, args=typed)
    process.start()
    deadline = time.monotonic() + 120
    while not (sweep / "1" / ".started.json").exists():
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.join()
    assert (sweep / "0" / "done.json").is_file()
    assert not (sweep / "1" / "done.json").exists()
    (sweep / "1" / "results.json").write_text("half of it")
    (sweep / "1" / "half").mkdir()
    stamp = (sweep / "0" / "done.json").stat().st_mtime_ns

    answer = run_cli(*typed)
    assert answer.code == 0, answer.err
    assert f"job 1 of 2 ({sweep / '0'}) is finished already" in answer.out
    assert (sweep / "0" / "done.json").stat().st_mtime_ns == stamp
    assert (sweep / "1" / "done.json").is_file()
    assert not (sweep / "1" / "half").exists()
    json.loads((sweep / "1" / "results.json").read_text())


def test_jobs_side_by_side_have_loaders_of_their_own(run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path) -> None:
    side_by_side = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "datamodule.num_workers=1")
    answer = run_cli("-m", *tiny, *JUDGE, *side_by_side, "seed=1,2")
    assert answer.code == 0, answer.err
    assert len(list((tmp_path / "outputs/sweeps/s").glob("*/done.json"))) == 2
