"""The table of a sweep: its cells, its tests, the published figures, and what it refuses."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from src.core.errors import UserError
from src.evaluation.cases import Values, load_cases, save_cases
from src.evaluation.estimate import Estimate
from src.evaluation.records import Record, read_records, write_records
from src.tasks.reporting.axes import find_axes
from src.tasks.reporting.jobs import read_jobs
from src.tasks.reporting.metrics import choose_metrics, lower_is_better
from tests.tasks.made_sweeps import MadeJob, hits_job, make_report, write_job, write_sweep

ITA, BOTH, ALL = ["ita"], ["ita", "cta"], ["ita", "cta", "cpa"]


@pytest.fixture
def ablation(tmp_path: Path) -> Path:
    means = {"ita": (0.4, 0.5, 0.6), "ita,cta": (0.9, 0.7, 0.8), "ita,cta,cpa": (0.8, 0.8)}
    jobs = [
        hits_job({"loss": loss.split(","), "seed": seed}, mean)
        for loss, over_seeds in means.items()
        for seed, mean in enumerate(over_seeds, start=1)
    ]
    return write_sweep(tmp_path / "ablation", jobs)


def test_cells_are_means_with_their_spread_and_number(ablation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = make_report(ablation)
    assert [row["row"] for row in rows] == ["ITA", "ITA + CTA", "ITA + CTA + CPA"]
    assert [float(row["mean"]) for row in rows] == pytest.approx([0.5, 0.8, 0.8])
    assert [float(row["sd"]) for row in rows] == pytest.approx([0.1, 0.1, 0.0])
    assert [row["n"] for row in rows] == ["3", "3", "2"]
    assert {row["low"] + row["difference"] + row["published"] for row in rows} == {""}
    printed = capsys.readouterr().out
    # the numbers of seeds differ, so that each is shown; two common seeds cannot tell the best from the others
    assert " 0.800 ± 0.100 (3) |" in printed
    assert " 0.800 ± 0.000 (2) |" in printed
    assert "**" not in printed
    assert "Nothing is bold, as fewer than 3 common seeds" in printed
    assert "| 0.500 ± 0.100 (3) |" in " ".join(printed.split())
    markdown = (ablation / "report" / "report.md").read_text()
    assert markdown.strip() in printed
    assert "sample standard deviation over the number of runs in brackets" in markdown


def test_latex_and_picture(tmp_path: Path) -> None:
    jobs = [hits_job({"datamodule.fraction": f, "name_of_it": "a_b&c"}, 0.1 * i) for i, f in enumerate((0.01, 0.1), 3)]
    sweep = write_sweep(tmp_path / "s", jobs)
    make_report(sweep)
    latex = (sweep / "report" / "report.tex").read_text()
    assert r"1 \% & 0.300 [0.200, 0.400] \\" in latex
    assert r"10 \% & 0.400 [0.300, 0.500] \\" in latex
    assert all(latex.count(f"\\{rule}rule") == 1 for rule in ("top", "mid", "bottom", "cmid"))
    with Image.open(sweep / "report" / "report.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 3


def test_a_key_can_make_the_columns(tmp_path: Path) -> None:
    jobs = [
        hits_job({"weights": weights, "datamodule.fraction": fraction, "seed": seed}, mean)
        for weights, mean in (("random", 0.3), ("checkpoint", 0.6))
        for fraction in (0.1, 0.01)
        for seed in (1, 2)
    ]
    rows = make_report(write_sweep(tmp_path / "s", jobs), columns="datamodule.fraction")
    assert [(row["row"], row["column"], row["n"]) for row in rows] == [
        ("random", "0.01", "2"),
        ("random", "0.1", "2"),
        ("checkpoint", "0.01", "2"),
        ("checkpoint", "0.1", "2"),
    ]


def test_what_one_job_judged_several_times_counts_like_jobs(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "s", [hits_job({"weights": "random"}, 0.3), hits_job({"weights": "named"}, 0.6)])
    for folder in (sweep / "0", sweep / "1"):
        (record,) = read_records(folder)
        settings = [{"datamodule.fraction": f, "seed": s} for f in (0.01, 1.0) for s in (1, 2, 3)]
        write_records([Record(settings=one, figures=record.figures, cases=record.cases) for one in settings], folder)
    rows = make_report(sweep)
    assert [(row["row"], row["n"]) for row in rows] == [
        ("random, 1 %", "3"),
        ("random, 100 %", "3"),
        ("named, 1 %", "3"),
        ("named, 100 %", "3"),
    ]


def _trained(gains: dict[str, float], seeds: int, figure: str = "classify/auroc_mean") -> list[MadeJob]:
    """Runs of methods that differ by ``gains`` on 100 patients, in trainings that vary by 0.02."""
    draw = np.random.default_rng(4)
    hard_N = draw.normal(size=100)

    def hits(gain: float) -> list[float]:
        return list(hard_N + gain + 0.02 * draw.normal() + 0.05 * draw.normal(size=100))

    return [
        MadeJob(settings={"loss": loss.split(","), "seed": seed}, hits=hits(gain), figure=figure)
        for loss, gain in gains.items()
        for seed in range(1, seeds + 1)
    ]


def test_the_best_is_bold_where_it_differs_from_every_other_row(tmp_path: Path) -> None:
    apart = write_sweep(tmp_path / "apart", _trained({"ita": 0.0, "ita,cta": 0.5, "ita,cta,cpa": 1.0}, 3))
    make_report(apart)
    text = (apart / "report" / "report.md").read_text()
    assert [line.split("|")[1].strip() for line in text.splitlines() if "**" in line] == ["ITA + CTA + CPA"]
    assert "Bold: the best of a column, where it differs from every other row (p < 0.05" in text
    close = write_sweep(tmp_path / "close", _trained({"ita": 0.0, "ita,cta": 1.0, "ita,cta,cpa": 1.001}, 3))
    make_report(close)
    text = (close / "report" / "report.md").read_text()
    assert "**" not in text
    assert "Nothing is bold, as the best cannot be told from every other row: classify: AUROC mean." in text
    assert r"\textbf" in (apart / "report" / "report.tex").read_text()


def test_lower_is_better_where_it_is(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "s", _trained({"ita": 0.0, "ita,cta": 0.5}, 3, figure="classify/brier_mean"))
    make_report(sweep)
    text = (sweep / "report" / "report.md").read_text()
    assert [line.split("|")[1].strip() for line in text.splitlines() if "**" in line] == ["ITA"]
    assert lower_is_better("retrieval/image_to_text_median_rank")
    assert not lower_is_better("retrieval/image_to_text_recall_at_10")


def test_rows_are_tested_against_a_baseline(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "s", _trained({"ita": 0.0, "ita,cta": 0.5, "ita,cta,cpa": 0.501}, 3))
    ita, both, alone = make_report(sweep, baseline="ita+cta")
    assert both["p"] == ""
    assert float(ita["difference"]) == pytest.approx(float(ita["mean"]) - float(both["mean"]))
    assert float(ita["difference_high"]) < 0
    assert float(ita["p"]) < 0.01
    # two cells are tested
    assert float(ita["p_holm"]) == pytest.approx(2 * float(ita["p"]))
    assert ita["common_seeds"] == "3"
    assert float(alone["difference_low"]) < 0 < float(alone["difference_high"])
    text = (sweep / "report" / "report.md").read_text()
    assert [line.split("|")[1].strip() for line in text.splitlines() if line.endswith("* |")] == ["ITA"]
    assert "A star marks a difference from ITA + CTA (p < 0.05), two-sided: over patients" in text
    assert text.count("3 common seeds") == 1
    assert "| difference from ITA + CTA |" in text
    written = f"{ita['row']} | −{abs(float(ita['difference'])):.3f} [−{abs(float(ita['difference_low'])):.3f}, −"
    assert written in " ".join(text.split())


def test_fewer_than_three_common_seeds_give_no_star(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "s", _trained({"ita": 0.0, "ita,cta": 0.5}, 2))
    ita, _ = make_report(sweep, baseline="ita+cta")
    assert float(ita["p"]) < 0.01
    assert (ita["common_seeds"], ita["p_holm"]) == ("2", "")
    text = (sweep / "report" / "report.md").read_text()
    assert "over patients alone |" in text
    assert "Each difference is over 2 common seeds" in text
    assert "Fewer than 3 common seeds do not show how trainings vary" in text
    assert "* |" not in text


def test_few_patients_give_neither_p_value_nor_star_nor_bold(tmp_path: Path) -> None:
    jobs = [
        MadeJob(settings={"loss": loss, "seed": seed}, hits=[hit + 0.01 * seed] * 4)
        for loss, hit in ((ITA, 0.0), (BOTH, 1.0))
        for seed in (1, 2, 3)
    ]
    sweep = write_sweep(tmp_path / "s", jobs)
    rows = make_report(sweep, baseline="ITA")
    assert {row["p"] + row["p_holm"] + row["difference"] for row in rows} == {""}
    text = (sweep / "report" / "report.md").read_text()
    assert "fewer than 5 patients do not show how patients vary (4 patients in all)" in text
    assert "**" not in text
    assert "* |" not in text


def test_what_cannot_be_paired_is_said(tmp_path: Path) -> None:
    jobs = [hits_job({"loss": ITA}, 0.5), hits_job({"loss": ALL}, 0.5, first_row=3)]
    sweep = write_sweep(tmp_path / "s", jobs)
    assert {row["p"] for row in make_report(sweep, baseline="ITA")} == {""}
    assert "Not compared, as other cases were evaluated" in (sweep / "report" / "report.md").read_text()
    (sweep / "1" / "cases" / "classify.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match=r"1/cases/classify\.parquet is missing or does not hold"):
        make_report(sweep, baseline="ITA")


def test_several_sweeps_make_one_table(tmp_path: Path) -> None:
    one = write_sweep(
        tmp_path / "a", [hits_job({"seed": s}, 0.5, config={"trainer": {"max_epochs": 1}}) for s in (1, 2)]
    )
    other = write_sweep(tmp_path / "b", [hits_job({"weights": "random", "seed": s}, 0.6) for s in (1, 2)])
    rows = make_report([one, other])
    assert [(row["row"], row["n"]) for row in rows] == [("auto", "2"), ("random", "2")]
    with pytest.raises(UserError, match="have the same settings"):
        make_report([one, one])


def test_an_unfinished_sweep_is_named_and_can_be_left_out(ablation: Path) -> None:
    (ablation / "1" / "done.json").rename(ablation / "1" / ".lock")
    (ablation / "2" / "done.json").unlink()
    (ablation / "2" / "failed.json").write_text('{"reason": "the disk is full"}')
    words = "['+sweep=[loss_ablation,seeds]', name=a b]"
    params = "{loss: '[ita],[ita,cta],[ita,cta,cpa]', seed: '1,2,3'}"
    (ablation / "multirun.yaml").write_text(
        f"hydra:\n  overrides:\n    task: {words}\n  sweeper:\n    params: {params}\n"
    )
    with pytest.raises(UserError) as refused:
        make_report(ablation)
    for said in (
        "1 (broken off, or still running)",
        "2 (the disk is full)",
        "1 not begun",
        "task.unfinished=leave_out",
    ):
        assert said in str(refused.value)
    assert "python -m src.run -m '+sweep=[loss_ablation,seeds]' 'name=a b'" in str(refused.value)
    assert [row["n"] for row in make_report(ablation, unfinished="leave_out")] == ["1", "3", "2"]


def test_a_mixed_folder_is_refused(tmp_path: Path) -> None:
    jobs = [hits_job({"seed": 1}, 0.5), hits_job({"seed": 2}, 0.5, config={"trainer": {"max_epochs": 9}})]
    with pytest.raises(UserError, match=r"trainer\.max_epochs is 5 in job 0 and 9 in job 1, and was not swept"):
        make_report(write_sweep(tmp_path / "mixed", jobs))
    swept = [
        hits_job({"dataset": name}, 0.5, config={"dataset": {"size": i}}) for i, name in enumerate(("nih", "rsna"))
    ]
    assert len(make_report(write_sweep(tmp_path / "swept", swept))) == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": ["classify/auroc"]}, r"no job has the figure classify/auroc; did you mean classify/auroc_mean\?"),
        ({"columns": "datamodule.fractoin"}, r"datamodule\.fractoin is no setting"),
        ({"baseline": "ITA + CPA"}, r"baseline=ITA \+ CPA is no row of the table; did you mean ITA \+ C"),
        ({"baseline": "ITA", "resamples": 0}, "resamples=0"),
        ({"published": "nowhere.csv"}, r"published=nowhere\.csv cannot be read"),
    ],
)
def test_names_that_are_not_there(ablation: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_report(ablation, **settings)


def test_folders_that_are_no_sweeps(tmp_path: Path, ablation: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        make_report(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no job"):
        make_report(tmp_path / "empty")
    (ablation / "3" / "records.json").write_text("[{")
    with pytest.raises(UserError, match=r"3/records\.json is missing or damaged"):
        make_report(ablation)
    (ablation / "3" / "records.json").unlink()
    with pytest.raises(UserError, match="3 was not judged"):
        make_report(ablation)
    shutil.rmtree(ablation)
    write_job(ablation, hits_job({"seed": 1}, 0.5))
    assert [row["row"] for row in make_report(ablation)] == ["all jobs"]


def test_the_main_figures_are_chosen(tmp_path: Path) -> None:
    names = ("classify/accuracy", "classify/auroc_mean", "zero_shot/auroc_mean", "zero_shot/auroc/edema")
    names += ("retrieval/chance_recall_at_10", *(f"retrieval/{way}_recall_at_{k}" for way in "ab" for k in (1, 10)))
    write_job(tmp_path, hits_job({}, 0.5))
    record = Record(settings={}, figures={name: Estimate(0.5, 0.4, 0.6) for name in names}, cases={})
    write_records([record], tmp_path)
    (point,) = find_axes(read_jobs([tmp_path], unfinished="refuse"), columns=None, repeats=[]).points
    assert choose_metrics([point], None) == [
        *("classify/accuracy", "zero_shot/auroc_mean", "retrieval/a_recall_at_10", "retrieval/b_recall_at_10")
    ]


def test_through_the_entrypoint(run_cli: Callable, ablation: Path) -> None:
    answer = run_cli("task=report", f"sweep={ablation}", "task.baseline=ITA + CTA + CPA", "resamples=50")
    assert answer.code == 0, answer.err
    assert "| ITA + CTA + CPA |" in answer.out
    assert run_cli("task=report").err.strip().startswith("Error: task=report needs the folder of a sweep")


def test_keys_that_follow_from_others_make_no_rows(tmp_path: Path) -> None:
    ours = [
        hits_job({"weights": weights, "checkpoint": "runs/a/last.ckpt", "encoder.image.name": "small"}, 0.5)
        for weights in ("random", "checkpoint")
    ]
    theirs = [
        hits_job({"weights": weights, "encoder.image.name": "big", "encoder.image.weights": "files/big.pth"}, 0.6)
        for weights in ("random", "auto")
    ]
    places = [write_sweep(tmp_path / "a", ours), write_sweep(tmp_path / "b", theirs)]
    rows = make_report(places)
    labels = ["random, name=small", "checkpoint, name=small", "random, name=big", "auto, name=big"]
    assert [row["row"] for row in rows] == labels


def test_a_path_is_called_by_its_file_and_no_label_is_read_as_a_formula(tmp_path: Path) -> None:
    jobs = [hits_job({"checkpoint": f"runs/{name}/$x_{name}.ckpt"}, 0.5) for name in "ab"]
    rows = make_report(write_sweep(tmp_path / "s", jobs))
    assert [row["row"] for row in rows] == ["checkpoint=$x_a.ckpt", "checkpoint=$x_b.ckpt"]


def test_a_seed_that_changes_nothing_makes_no_further_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hits = [1.0, 0.0, 1.0, 1.0]
    jobs = [MadeJob(settings={"loss": loss, "seed": seed}, hits=hits) for loss in (ITA, ALL) for seed in (1, 2)]
    rows = make_report(write_sweep(tmp_path / "s", jobs))
    assert [row["n"] for row in rows] == ["1", "1"]
    assert "2 runs found exactly what another one of their row did" in capsys.readouterr().out


def test_what_is_left_out_is_said(ablation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (ablation / "7" / "done.json").rename(ablation / "7" / ".lock")
    make_report(ablation, unfinished="leave_out")
    assert f"Left out, as not finished: {ablation / '7'}" in capsys.readouterr().out
    assert "Left out, as not finished" in (ablation / "report" / "report.md").read_text()


def test_what_the_runs_say_of_their_figures_stands_below(tmp_path: Path) -> None:
    jobs = [hits_job({"loss": loss, "seed": seed}, 0.5) for loss in (ITA, ALL) for seed in (1, 2)]
    sweep = write_sweep(tmp_path / "s", jobs)
    for number in range(4):
        (record,) = read_records(sweep / str(number))
        notes = ("† rare: nothing could be learnt of it.", *(("Few patients (10).",) if number < 2 else ()))
        write_records([replace(record, notes=notes)], sweep / str(number))
    make_report(sweep)
    lines = (sweep / "report" / "report.md").read_text().splitlines()
    assert "- † rare: nothing could be learnt of it." in lines
    assert "- ITA: Few patients (10)." in lines


def _with_values(sweep: Path, change: Callable[[int, Values], Values]) -> None:
    """Change the kept cases of each job, by its number."""
    for number in range(len(list(sweep.glob("*/records.json")))):
        path = sweep / str(number) / "cases" / "classify.parquet"
        cases = load_cases(path)
        assert isinstance(cases, Values)
        save_cases(change(number, cases), path)


def test_rows_on_other_masks_are_neither_bold_nor_tested(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "s", _trained({"ita": 0.0, "ita,cta": 0.5}, 3))
    _with_values(sweep, lambda number, cases: replace(cases, truth="before" if number < 3 else "after"))
    assert {row["p"] for row in make_report(sweep, baseline="ITA")} == {""}
    text = (sweep / "report" / "report.md").read_text()
    assert "**" not in text
    assert "Not compared, as other cases were evaluated than for the other row" in text


def test_too_few_common_values_are_not_compared(tmp_path: Path) -> None:
    """Of 100 cases each, only one has a value in both rows."""

    def halved(number: int, cases: Values) -> Values:
        value_NM = cases.value_NM.clone()
        value_NM[50:] = value_NM[50:] if number < 3 else torch.nan
        value_NM[:49] = torch.nan if number < 3 else value_NM[:49]
        return replace(cases, value_NM=value_NM)

    sweep = write_sweep(tmp_path / "s", _trained({"ita": 0.0, "ita,cta": 0.5}, 3))
    _with_values(sweep, halved)
    assert {row["p"] for row in make_report(sweep, baseline="ITA")} == {""}
    text = (sweep / "report" / "report.md").read_text()
    assert "fewer than 5 patients do not show how patients vary (1 patient with it)" in text
