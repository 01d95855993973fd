"""What is said below a table about its intervals."""

from src.evaluation.estimate import Estimate
from src.evaluation.notes import interval_notes


def test_the_number_of_resamples_and_the_reasons_by_finding() -> None:
    figures = {
        "classify/auroc_mean": Estimate(0.8, reason="rare has 1 patient with it"),
        "classify/f1_mean": Estimate(0.8, reason="rare has 1 patient with it"),
        "classify/auroc/edema": Estimate(0.8, 0.7, 0.9, resamples=1000),
        "classify/auroc/mass": Estimate(0.8, 0.7, 0.9, resamples=993),
        "classify/auroc/rare": Estimate(0.9, reason="1 patient with it"),
        "classify/f1/rare": Estimate(0.9, reason="1 patient with it"),
        "classify/accuracy": Estimate(0.5, reason="4 patients in all"),
        "classify/the_score": Estimate(0.5, reason="4 patients in all"),
        "classify/findings": 3,
    }
    assert interval_notes(figures) == [
        "Intervals: the middle 95 % of 1000 bootstrap resamples of the patients; fewer define mass (993).",
        "No interval (rare has 1 patient with it): the means.",
        "No interval (1 patient with it): rare.",
        "No interval (4 patients in all): accuracy, the score.",
    ]


def test_without_resamples_nothing_is_said() -> None:
    assert interval_notes({"a/auroc": Estimate(0.5), "a/b": 3}, {}) == []
