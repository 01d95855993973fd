"""A report's heading, in its text and on its picture, says what was evaluated on what."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from src.core.evaluated_model import EvaluatedModel
from src.evaluation.records import read_records, write_records
from tests.tasks.made_sweeps import hits_job, write_sweep


def test_data_and_models_are_named_once_each(run_cli: Callable, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "sweep", [hits_job({"seed": seed}, 0.5) for seed in range(6)])
    bare = run_cli("task=report", f"sweep={sweep}", "resamples=20")
    assert "6 finished jobs in" in bare.out
    assert "; no record says of which model" in bare.out
    with Image.open(sweep / "report" / "report.png") as picture:
        before = picture.height
    for number in range(6):
        folder = sweep / str(number)
        model = EvaluatedModel(architecture=f"net{number}", weights="random")
        records = [replace(record, model=model, evaluated_on="10 test images, own") for record in read_records(folder)]
        write_records(records, folder)
    answer = run_cli("task=report", f"sweep={sweep}", "resamples=20")
    assert answer.code == 0, answer.err
    named = " | ".join(f"net{number}, random weights" for number in range(4))
    title = f"6 finished jobs in {sweep}; 10 test images, own; {named} | and 2 more"
    assert title in answer.out
    assert (sweep / "report" / "report.md").read_text().startswith(title)
    with Image.open(sweep / "report" / "report.png") as picture:
        assert picture.height > before
