"""When a job of a sweep is done, skipped, done again, refused or left to others."""

import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from src.core.errors import UserError
from src.core.finished import read_done, read_failure
from src.core.lock import HeldError
from src.engine import sweep_job
from src.engine.sweep_job import job_number, run_job, sweep_name
from src.engine.sweep_summary import JobFailedError, summary, sweep_state

ROOT = Path(__file__).resolve().parents[2]


class Sweep:
    """Starts jobs of a made sweep, without Hydra; ``ran`` are the seeds of those that ran."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.ran: list[int] = []
        self.settings: Any = None
        monkeypatch.setattr(sweep_job, "HydraConfig", self)

    def initialized(self) -> bool:
        return self.settings is not None

    def get(self) -> DictConfig:
        return self.settings

    def start(
        self,
        number: int | None,
        run: Callable[[Path], None] = lambda _: None,
        typed: str = "lr=1",
        spelt: str | None = None,
        **config: Any,
    ) -> Path:
        job = self.folder / ("alone" if number is None else str(number))
        job.mkdir(parents=True, exist_ok=True)
        (self.folder / "multirun.yaml").write_text(f"hydra:\n  overrides:\n    task: ['{typed}']\n")
        seed = config.setdefault("seed", number)
        overrides = [spelt or typed, f"seed={seed}"]
        self.settings = OmegaConf.create(
            {
                "mode": RunMode.RUN if number is None else RunMode.MULTIRUN,
                "runtime": {"output_dir": str(job), "choices": {"dataset": "phantom", "hydra/launcher": "basic"}},
                "overrides": {"task": overrides, "hydra": []},
                "job": {"num": "???" if number is None else number},
            }
        )
        cfg = OmegaConf.create({"lr": 1, "resume": False, "trainer": {"strategy": "auto"}, **config})

        def task(cfg: DictConfig) -> None:
            self.ran.append(cfg.seed)
            (job / "results.json").write_text(str(cfg.resume))
            run(job)

        run_job(cfg, task)
        return job


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sweep]:
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "SLURM_STEP_ID"):
        monkeypatch.delenv(name, raising=False)
    return Sweep(tmp_path / "mine", monkeypatch)


def _fail(error: BaseException) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        (folder / "half").mkdir()
        (folder / "half" / "written").touch()
        raise error

    return run


def test_a_finished_job_is_skipped(sweep: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    job = sweep.start(0)
    done = read_done(job)
    assert done is not None
    assert done.swept == ("seed",)
    assert done.choices == {"dataset": "phantom"}
    sweep.start(0, paths={"output": "elsewhere"}, trainer={"strategy": "auto", "enable_progress_bar": False})
    assert sweep.ran == [0]
    assert f"job 1 of 1 ({job}) is finished already\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "swept"), [("lr=1.0", ("seed",)), ("lr=true", ("seed",)), ("lr=1,2", ("lr", "seed"))]
)
def test_what_a_sweep_varies_is_told_by_the_key(sweep: Sweep, typed: str, swept: tuple[str, ...]) -> None:
    # Hydra hands True to the job where true was typed
    job = sweep.start(0, typed=typed, spelt="lr=True")
    done = read_done(job)
    assert done is not None
    assert done.swept == swept


def test_a_finished_job_of_another_config_is_not_touched(sweep: Sweep) -> None:
    job = sweep.start(0)
    with pytest.raises(JobFailedError, match=r"another sweep \(lr was 1 and is now 2\).*name=NAME"):
        sweep.start(0, lr=2)
    assert sweep.ran == [0]
    assert (job / "results.json").is_file()
    # what was refused once is no failure of the job that is there
    sweep.start(0)
    assert read_failure(job) is None


def test_a_sweep_may_grow_but_not_mix(sweep: Sweep) -> None:
    sweep.start(0)
    sweep.start(1)
    with pytest.raises(JobFailedError, match=r"holds the finished jobs of another sweep \(lr was 1 and is now 2\)"):
        sweep.start(2, lr=2, typed="lr=2")
    assert sweep.ran == [0, 1]


def test_a_broken_job_is_done_again_without_its_leavings(sweep: Sweep) -> None:
    job = sweep.folder / "0"
    job.mkdir(parents=True)
    (job / "mine.txt").write_text("was here before")
    with pytest.raises(KeyboardInterrupt):
        sweep.start(0, _fail(KeyboardInterrupt()))
    assert read_done(job) is None
    assert (job / "half" / "written").is_file()
    sweep.start(0)
    assert sweep.ran == [0, 0]
    assert sorted(path.name for path in job.iterdir()) == [
        *(".lock", ".started.json", "done.json", "mine.txt", "results.json", "run.log")
    ]


def test_files_of_others_are_never_cleared(sweep: Sweep) -> None:
    job = sweep.folder / "0"
    (job / "photos").mkdir(parents=True)
    with pytest.raises(JobFailedError):
        sweep.start(0, _fail(UserError("no.")))
    with pytest.raises(JobFailedError):
        sweep.start(0, _fail(UserError("no.")))
    assert (job / "photos").is_dir()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UserError("a.csv, row 3: no."), "a.csv, row 3: no."),
        (ValueError("ours\nand more"), "ValueError: ours (a defect; 0/run.log has the traceback)"),
        (KeyError(), "KeyError (a defect; 0/run.log has the traceback)"),
    ],
)
def test_a_failure_is_kept_and_summed_up(sweep: Sweep, error: Exception, reason: str) -> None:
    sweep.start(1)
    with pytest.raises(JobFailedError) as failed:
        sweep.start(0, _fail(error))
    assert read_failure(sweep.folder / "0") == reason
    assert str(failed.value) == f"job 0 failed: {reason}"
    printed = summary(sweep.folder, sweep_state(sweep.folder, 2)).splitlines()
    assert printed[0].startswith(f"Sweep {sweep.folder}: 0 done, 1 finished before and skipped, 1 failed, in ")
    assert printed[1] == f"  folder 0: {reason}"
    sweep.start(0)
    assert read_failure(sweep.folder / "0") is None


def test_jobs_with_the_same_reason_stand_together(sweep: Sweep) -> None:
    for number in (10, 2):
        with pytest.raises(JobFailedError):
            sweep.start(number, _fail(UserError("no.")))
    (sweep.folder / "10" / "failed.json").touch()
    assert "\n  folders 2, 10: no.\n" in summary(sweep.folder, sweep_state(sweep.folder, 0))


def test_a_job_that_another_process_does_is_left_to_it(sweep: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    hold = (
        "import sys; from pathlib import Path; from src.core.lock import only_process\n"
        "with only_process(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold, str(sweep.folder / "0" / ".lock")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        sweep.start(0)
        other.communicate("")
    assert sweep.ran == []
    assert f"job 1 of 1 ({sweep.folder / '0'}) is left to process {other.pid} on" in capsys.readouterr().out


def test_resume_means_the_job_itself_and_no_other(sweep: Sweep) -> None:
    job = sweep.start(0, resume=True)
    assert (job / "results.json").read_text() == "False"
    with pytest.raises(KeyboardInterrupt):
        sweep.start(1, _fail(KeyboardInterrupt()))
    last = sweep.folder / "1" / "checkpoints" / "last.ckpt"
    last.parent.mkdir()
    with zipfile.ZipFile(last, "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    sweep.start(1, resume=True)
    assert (sweep.folder / "1" / "results.json").read_text() == str(last)


def test_a_run_of_its_own_is_marked_and_never_skipped(sweep: Sweep) -> None:
    job = sweep.start(None, seed=7)
    assert job_number() is None
    assert read_done(job) is not None
    sweep.start(None, seed=7)
    assert sweep.ran == [7, 7]
    with pytest.raises(UserError, match=r"^no\.$"):
        sweep.start(None, _fail(UserError("no.")), seed=7)


def test_a_folder_that_another_run_is_in_is_refused(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def held(path: Path) -> Iterator[None]:
        raise HeldError("process 7 on here")
        yield

    monkeypatch.setattr(sweep_job, "only_process", held)
    with pytest.raises(UserError, match=r"alone is in use by process 7 on here; .*hydra\.run\.dir=DIR"):
        sweep.start(None)
    assert sweep.ran == []
    assert not (sweep.folder / "alone" / "run.log").exists()


def test_numbers_and_names_for_the_loggers(sweep: Sweep) -> None:
    sweep.start(3)
    assert job_number() == 3
    assert sweep_name() == "mine"


def test_other_processes_of_a_job_neither_clear_nor_mark(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "1")
    job = sweep.start(0)
    assert sweep.ran == [0]
    assert not (job / "done.json").exists()
    assert not (job / ".lock").exists()
