"""The parts of a figure's name, whatever its finding is called, and the tables that are made of them."""

import pytest
import torch

from src.core.case_keys import CaseKeys
from src.evaluation.cases import Scores
from src.evaluation.class_table import class_table, fraction_table
from src.evaluation.estimate import value_of
from src.evaluation.measure import measure
from src.evaluation.metric_name import MetricName
from src.evaluation.records import Record
from src.evaluation.table import main_figures, reference_columns, text_table, without_references

AWKWARD = (
    "edema_mean",
    "auroc_mean",
    "mean",
    "accuracy",
    "f1",
    "brier",
    "median_rank",
    "chance_x",
    "a/b",
    "x_mean_rank",
)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("classify/auroc_mean", ("classify", "auroc", None, True)),
        ("classify/accuracy", ("classify", "accuracy", None, False)),
        ("grounding/chance_pointing_game_mean", ("grounding", "chance_pointing_game", None, True)),
        ("retrieval/image_to_text_mean_rank", ("retrieval", "image_to_text_mean_rank", None, False)),
        ("classify/auroc/edema_mean", ("classify", "auroc", "edema_mean", False)),
        ("classify/auroc/a/b_mean", ("classify", "auroc", "a/b_mean", False)),
        ("classify/auroc/accuracy", ("classify", "auroc", "accuracy", False)),
        ("loss", ("loss", "", None, False)),
    ],
)
def test_a_name_has_parts(name: str, parts: tuple[str, str, str | None, bool]) -> None:
    parsed = MetricName.parse(name)
    assert parsed == parts
    assert name in (str(parsed), str(parsed).rstrip("/"))


def _cases(names: tuple[str, ...], *, exclusive: bool = False) -> Scores:
    count, findings = 12 * len(names), len(names)
    class_N = torch.arange(count) % findings
    label_NF = torch.nn.functional.one_hot(class_N, findings).double()
    score_NF = (label_NF + torch.linspace(0, 1, count, dtype=torch.float64)[:, None]).softmax(dim=1)
    return Scores(
        keys=CaseKeys.of(torch.arange(count)),
        names=names,
        score_NF=score_NF,
        label_NF=label_NF,
        exclusive=exclusive,
        probabilities=True,
        threshold_F=None if exclusive else torch.full((findings,), 0.5, dtype=torch.float64),
    )


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_table_is_the_same_whatever_its_findings_are_called(exclusive: bool) -> None:
    # of the same lengths, and like nothing else
    plain = tuple("pqrstuvwxyz"[n] * len(name) for n, name in enumerate(AWKWARD))
    width = max(map(len, plain))
    tables = [
        [line[width:] for line in class_table(measure(cases, group="classify", resamples=0), names).splitlines()]
        for names in (AWKWARD, plain)
        for cases in [_cases(names, exclusive=exclusive)]
    ]
    assert tables[0] == tables[1]
    assert "–" not in "".join(tables[0])


def test_means_over_seeds_are_of_means_alone() -> None:
    figures = measure(_cases(AWKWARD, exclusive=True), group="classify", resamples=0)
    record = Record(settings={"datamodule.fraction": 1.0}, figures=figures, cases={})
    rows = [line.split("  ")[0] for line in fraction_table([record, record]).splitlines()[2:-1]]
    means = ["AUROC mean", "average precision mean", "F1 mean", "accuracy mean", "brier mean", "calibration error mean"]
    assert sorted(rows) == sorted(["accuracy", *means])


def test_main_figures_are_chosen_by_their_metric() -> None:
    figures = measure(_cases(AWKWARD), group="zero_shot", resamples=0)
    found = main_figures(figures)
    assert {name for name in found if "/auroc" in name} == {
        "zero_shot/auroc_mean",
        *(f"zero_shot/auroc/{name}" for name in AWKWARD),
    }
    assert {MetricName.parse(name).metric for name in found} == {"auroc", "findings"}
    # as the loggers are given them where one job has several records
    assert list(main_figures({f"{name}/seed 1": 0.5 for name in ("classify/auroc_mean", "classify/f1_mean")})) == [
        "classify/auroc_mean/seed 1"
    ]


def test_chance_is_told_by_the_metric() -> None:
    measured = {
        "zero_shot/auroc/chance_x": 0.7,
        "zero_shot/chance_accuracy": 0.2,
        "zero_shot/accuracy": 0.4,
        "zero_shot/accuracy/auroc": 0.4,
        "grounding/pointing_game_mean": 0.3,
        "grounding/chance_pointing_game_mean": 0.1,
        "grounding/pointing_game/chance_x": 0.6,
        "grounding/chance_pointing_game/chance_x": 0.05,
    }
    assert reference_columns(measured)["chance"] == {
        "zero_shot/auroc/chance_x": 0.5,
        "zero_shot/accuracy": 0.2,
        "grounding/pointing_game_mean": 0.1,
        "grounding/pointing_game/chance_x": 0.05,
    }
    assert [name for name in measured if name not in without_references(measured)] == [
        *("zero_shot/chance_accuracy", "grounding/chance_pointing_game_mean", "grounding/chance_pointing_game/chance_x")
    ]


def test_every_figure_has_a_label_of_its_own() -> None:
    figures = measure(_cases(AWKWARD), group="classify", resamples=0)
    lines = text_table({"model": {name: value_of(figure) for name, figure in figures.items()}}).splitlines()
    labels = [line.rsplit("  ", 1)[0].strip() for line in lines[3:-1]]
    assert len(set(labels)) == len(figures)
