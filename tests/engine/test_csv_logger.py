import csv
from pathlib import Path
from typing import Any

import pytest

from src.core.torchvision_ops import ensure_torchvision

ensure_torchvision()

from src.engine.csv_logger import MetricsCsv  # noqa: E402


def logged(folder: Path, steps: range, *, resume: bool | str, name: str = "loss") -> list[tuple[int, str]]:
    logger = MetricsCsv(save_dir=str(folder), resume=resume)
    logger.log_hyperparams({"seed": 1})
    for step in steps:
        logger.log_metrics({name: float(step)}, step)
    logger.save()
    with (folder / "metrics.csv").open() as file:
        return [(int(row["step"]), row.get("loss", "")) for row in csv.DictReader(file)]


@pytest.mark.parametrize("resume", [True, "auto", "some/last.ckpt"])
def test_goes_on_from_the_first_step_that_is_done_again(tmp_path: Path, resume: Any) -> None:
    assert logged(tmp_path, range(5), resume=False) == [(step, f"{step}.0") for step in range(5)]
    assert logged(tmp_path, range(3, 7), resume=resume) == [(step, f"{step}.0") for step in range(7)]
    assert not (tmp_path / ".metrics.csv").exists()


def test_a_step_that_was_logged_before_its_validation_keeps_its_figures(tmp_path: Path) -> None:
    logged(tmp_path, range(4), resume=False)
    logged(tmp_path, range(3, 4), resume=True, name="val")
    assert logged(tmp_path, range(4, 6), resume=True) == [
        *((step, f"{step}.0") for step in range(4)),
        (3, ""),
        (4, "4.0"),
        (5, "5.0"),
    ]


def test_a_new_figure_gets_a_column(tmp_path: Path) -> None:
    logged(tmp_path, range(2), resume=False)
    assert logged(tmp_path, range(2, 4), resume=True, name="other") == [(0, "0.0"), (1, "1.0"), (2, ""), (3, "")]


def test_a_fresh_start_in_the_same_folder_begins_anew(tmp_path: Path) -> None:
    logged(tmp_path, range(5), resume=False)
    assert [step for step, _ in logged(tmp_path, range(2), resume=False)] == [0, 1]


def test_a_run_killed_before_its_first_figure_loses_nothing(tmp_path: Path) -> None:
    logged(tmp_path, range(5), resume=False)
    MetricsCsv(save_dir=str(tmp_path), resume=True)
    assert [step for step, _ in logged(tmp_path, range(5, 6), resume=True)] == list(range(6))
