"""Runs that were evaluated on other images or labels are never averaged, marked or compared as if on the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from src.core.case_keys import CaseKeys
from src.core.errors import UserError
from src.evaluation.cases import Scores, save_cases
from src.evaluation.records import read_records, write_records
from tests.tasks.made_sweeps import MadeJob, hits_job, make_report, write_sweep


def _write_labels(folder: Path, label_N: list[float], *, first: int = 0) -> None:
    """Replace the cases of a made job by scores of as many images, called by their place in the data set."""
    count = len(label_N)
    keys = CaseKeys(
        row_N=torch.arange(count),
        group_N=torch.arange(count),
        image_id_N=[f"image{n}" for n in range(first, first + count)],
    )
    scores = Scores(
        keys=keys,
        names=("auroc_mean",),
        score_NF=torch.rand(count, 1, dtype=torch.float64),
        label_NF=torch.tensor(label_N, dtype=torch.float64)[:, None],
        exclusive=False,
        probabilities=True,
        threshold_F=None,
    )
    save_cases(scores, folder / "cases/classify.parquet")


def _sweep(folder: Path, settings: list[dict[str, Any]], **more: Any) -> Path:
    return write_sweep(folder, [hits_job(one, 0.1 * n + 0.3, **more) for n, one in enumerate(settings)])


def _seeds(tmp_path: Path) -> Path:
    return _sweep(tmp_path / "s", [{"seed": seed} for seed in (1, 2, 3)])


def test_a_mean_over_other_images_is_refused(tmp_path: Path) -> None:
    sweep = _seeds(tmp_path)
    for job in "01":
        _write_labels(sweep / job, [1.0, 0.0, 1.0, 0.0])
    # the table was corrected: one image left, of the three others one has another label
    _write_labels(sweep / "2", [0.0, 1.0, 1.0], first=1)
    with pytest.raises(UserError) as refused:
        make_report(sweep)
    said = str(refused.value)
    assert f"{sweep / '0'} and {sweep / '2'} stand in one cell (all jobs, classify: AUROC mean)" in said
    assert "1 images are only in the first and 0 only in the second, and 1 of the 3 images in both" in said
    assert f"(the older is {sweep / '0'}, {sweep / '1'})" in said
    assert not (sweep / "report").exists()


def test_a_mean_over_the_same_images_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = _seeds(tmp_path)
    for job in "012":
        _write_labels(sweep / job, [1.0, 0.0, 1.0, 0.0])
    assert [row["n"] for row in make_report(sweep)] == ["3"]
    assert "same images" not in capsys.readouterr().out


def test_several_records_of_one_job_are_compared_too(tmp_path: Path) -> None:
    sweep = _sweep(tmp_path / "s", [{"weights": "random"}])
    _write_labels(sweep / "0", [1.0, 0.0])
    (sweep / "0/cases/classify.parquet").rename(sweep / "0/cases/classify_1.parquet")
    _write_labels(sweep / "0", [0.0, 1.0])
    (record,) = read_records(sweep / "0")
    files = ("cases/classify_1.parquet", "cases/classify.parquet")
    records = [
        replace(record, settings={"seed": n}, cases={"classify": file}, figures={"classify/auroc_mean": 0.1 * n})
        for n, file in enumerate(files, start=1)
    ]
    write_records(records, sweep / "0")
    with pytest.raises(UserError, match="2 of the 2 images in both have other labels"):
        make_report(sweep)


def test_sweeps_on_val_and_on_test_are_not_averaged(tmp_path: Path) -> None:
    sweeps = [
        write_sweep(
            tmp_path / split,
            [hits_job({"seed": seed}, 0.5, config={"task": {"judge_on": split}}, first_row=row)],
        )
        for split, seed, row in (("val", 1, 0), ("test", 2, 40))
    ]
    with pytest.raises(UserError, match="10 images are only in the first and 10 only in the second"):
        make_report(sweeps)


def test_rows_of_other_data_have_no_best_and_no_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = _sweep(tmp_path / "s", [{"weights": name} for name in ("random", "named", "checkpoint")])
    for job in "01":
        _write_labels(sweep / job, [1.0, 0.0, 1.0, 0.0])
    _write_labels(sweep / "2", [1.0, 0.0, 1.0, 1.0])
    rows = make_report(sweep, baseline="random")
    assert {row["row"] for row in rows if row["p"]} <= {"named"}
    printed = capsys.readouterr().out
    assert "**" not in printed
    assert "cannot be compared: random, named | checkpoint." in printed


def test_columns_of_other_data_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = [(weights, fraction) for weights in ("random", "named") for fraction in (0.1, 1.0)]
    settings = [{"weights": weights, "datamodule.fraction": fraction} for weights, fraction in pairs]
    sweep = _sweep(tmp_path / "s", settings)
    for job, (_, fraction) in enumerate(pairs):
        _write_labels(sweep / str(job), [1.0, 0.0, 1.0, float(fraction == 1)])
    make_report(sweep, columns="datamodule.fraction")
    printed = capsys.readouterr().out
    sides = [", ".join(f"{name} (datamodule.fraction={f})" for name in ("random", "named")) for f in (0.1, 1.0)]
    assert f"cannot be compared: {sides[0]} | {sides[1]}." in printed


def test_runs_without_cases_cannot_be_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = _seeds(tmp_path)
    (sweep / "1/cases/classify.parquet").unlink()
    assert [row["n"] for row in make_report(sweep)] == ["3"]
    assert f"as no cases were kept: {sweep / '1'}." in capsys.readouterr().out


def test_figures_without_cases_of_their_own_follow_the_others_of_their_run(tmp_path: Path) -> None:
    jobs = [MadeJob(settings={"seed": seed}, hits=[1.0, 0.0], first_row=seed) for seed in (1, 2)]
    sweep = write_sweep(tmp_path / "s", jobs)
    for job in "01":
        (record,) = read_records(sweep / job)
        figures = {"prototypes/agreement": 0.1 + int(job)}
        write_records([replace(record, figures=figures)], sweep / job)
    with pytest.raises(UserError, match="1 images are only in the first and 1 only in the second"):
        make_report(sweep, metrics=["prototypes/agreement"])
