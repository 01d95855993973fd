"""The tables of classification, line by line."""

import math

from src.evaluation.class_table import class_table, fraction_table
from src.evaluation.estimate import Estimate
from src.evaluation.records import Record


def _estimate(value: float) -> Estimate:
    return Estimate(value, value - 0.1, value + 0.1)


def test_a_class_a_row_and_a_dash_for_what_was_left_out() -> None:
    figures = {
        "x/auroc_mean": _estimate(0.8),
        "x/auroc/lung_edema": _estimate(0.8),
        "x/f1_mean": _estimate(0.5),
        "x/f1/lung_edema": _estimate(0.5),
        "x/findings": 1,
    }
    assert class_table(figures, ["lung_edema", "hernia"]).splitlines() == [
        "                             AUROC     F1",
        "-----------------------------------------",
        "mean of 1   0.800 (0.700 to 0.900)  0.500",
        "lung edema  0.800 (0.700 to 0.900)  0.500",
        "hernia                           –      –",
        "-----------------------------------------",
    ]


def test_classes_end_with_the_accuracy_of_all_cases() -> None:
    figures = {"x/accuracy": _estimate(0.7), "x/accuracy_mean": _estimate(0.6), "x/accuracy/a": _estimate(0.6)}
    lines = class_table({**figures, "x/findings": 1}, ["a"]).splitlines()
    assert lines[-2] == "all cases  0.700 (0.600 to 0.800)"


def test_mean_and_sample_deviation_over_seeds() -> None:
    def record(fraction: float, value: float) -> Record:
        settings = {"datamodule.fraction": fraction, "seed": 1}
        figures = {"classify/auroc_mean": Estimate(value, math.nan, math.nan), "classify/auroc/a": value}
        return Record(settings=settings, figures=figures, cases={})

    text = fraction_table([record(0.01, 0.5), record(0.01, 0.7), record(1.0, 0.9)])
    assert text.splitlines() == [
        "mean ± sd over seeds  1 % (2 seeds)  100 % (1 seed)",
        "---------------------------------------------------",
        "AUROC mean            0.600 ± 0.141           0.900",
        "---------------------------------------------------",
    ]
