"""``task=zero_shot`` through the entrypoint: what it leaves, what it says, what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from src.data.phantom.findings import FINDING_NAMES
from src.evaluation.cases import Scores, load_cases
from src.evaluation.estimate import value_of
from src.evaluation.measure import measure
from src.evaluation.records import read_records
from tests.trees.chexpert import make

JUDGE = ("task=zero_shot", "task.resamples=20", "dataset.test=64", "dataset.prevalence=0.2")


@pytest.fixture
def judge(run_cli: Callable, tiny: tuple[str, ...]) -> Callable:
    return lambda *overrides: run_cli(*tiny, *JUDGE, *overrides)


def _run_dir(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "outputs").rglob("records.json")
    return path.parent


def test_pairs_leave_their_figures_and_the_cases_behind_them(judge: Callable, tmp_path: Path):
    answer = judge()
    assert answer.code == 0, answer.err
    assert (
        "64 test images, phantom; vit_tiny_patch16_224, random weights\nFew patients (64, fewer than 100)" in answer.out
    )
    assert "\n88 sentences, each finding against its absence\n" in answer.out
    run = _run_dir(tmp_path)
    (record,) = read_records(run)
    assert record.cases == {"zero_shot": "cases/zero_shot.parquet"}
    cases = load_cases(run / record.cases["zero_shot"])
    assert isinstance(cases, Scores)
    assert cases.names == FINDING_NAMES
    assert cases.probabilities
    assert not cases.exclusive
    assert cases.score_NF.shape == (64, 9)
    again = measure(cases, group="zero_shot", resamples=20)
    assert {name: value_of(figure) for name, figure in again.items()} == pytest.approx(
        {name: value_of(figure) for name, figure in record.figures.items()}
    )
    assert "zero_shot/auroc_mean" in json.dumps(json.loads((run / "results.json").read_text()))


def test_classes_are_judged_on_the_images_that_have_one(judge: Callable, tmp_path: Path):
    answer = judge("task.compare=classes", "task.ensemble=max", "task.standardise=true")
    assert answer.code == 0, answer.err
    (record,) = read_records(_run_dir(tmp_path))
    cases = load_cases(_run_dir(tmp_path) / record.cases["zero_shot"])
    assert isinstance(cases, Scores)
    assert 0 < len(cases.keys) < 64
    assert torch.equal((cases.label_NF == 1).sum(dim=1), torch.ones(len(cases.keys), dtype=torch.int64))
    assert f"{64 - len(cases.keys)} of 64 images do not have exactly one" in answer.out + answer.err
    right = (cases.score_NF.argmax(dim=1) == cases.label_NF.argmax(dim=1)).double().mean()
    assert value_of(record.figures["zero_shot/accuracy"]) == pytest.approx(float(right))
    assert record.figures["zero_shot/chance_accuracy"] == pytest.approx(1 / 9)


EDEMA = "{positive: [There is edema.], negative: [No edema is seen.]}"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([f"+prompts.findings.oedema={EDEMA}"], "did you mean edema?"),
        (["prompts.findings.edema.negative=['...']"], 'cleaning leaves nothing of "..."'),
        (
            ["prompts.findings.edema.negative=['心影大小正常']", "datamodule.max_unknown_tokens=0.001"],
            "of the tokens of the zero-shot sentences, more than datamodule.max_unknown_tokens=0.001",
        ),
        (["~prompts"], "this data set has none; give prompts=generic"),
        (["dataset.prevalence=0"], "has both a positive and a negative among"),
    ],
)
def test_what_it_refuses(judge: Callable, overrides: list[str], message: str):
    answer = judge(*overrides)
    assert answer.code != 0
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_a_data_set_without_findings(run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path):
    lines = ["image,report,patient"]
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((64, 64), dtype=np.uint8))
        lines.append(f"{number}.png,There is no edema.,p{number}")
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    phantom = tuple(word for word in tiny if not word.startswith("dataset."))
    answer = run_cli(*phantom, "task=zero_shot", "dataset=pairs", f"dataset.table={tmp_path / 'pairs.csv'}")
    assert answer.code != 0
    assert "zero-shot needs labels to be held against" in answer.err


def test_a_choice_of_findings_passes_over_the_prompts_of_the_others(
    run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path
):
    make(tmp_path / "raw")
    data = ("dataset=chexpert_5x200", "dataset.split.per_class=1", "dataset.split.val_images=5")
    places = (f"paths.raw={tmp_path / 'raw'}", f"paths.store={tmp_path / 'store'}")
    assert run_cli("task=prepare", *data, *places, "task.num_workers=0").code == 0
    model = tuple(word for word in tiny if not word.startswith("dataset."))
    quick = ("task=zero_shot", "task.resamples=0", "task.pictures=false", "task.compare=classes")
    answer = run_cli(*model, *data, *places, *quick, "dataset.findings=[Edema,Cardiomegaly]")
    assert answer.code == 0, answer.err
    # one image of each of the five, of which two have a finding that was chosen
    assert "2 test images, chexpert_5x200; vit_tiny_patch16_224, random weights" in answer.out
    assert "accuracy by chance 0.500" in answer.out
