"""What stands below a table of results: on what its intervals rest, and why some figures have none."""

from collections.abc import Iterable

from src.evaluation.estimate import Estimate, Figures

_MEANS = "the means"


def interval_notes(*columns: Figures) -> list[str]:
    """Sentences about the intervals of one or several models' figures; none where no interval was asked for.

    The first says how many bootstrap resamples they rest on, and names the findings that fewer define. The second
    names what has no interval, with the reason.
    """
    estimates = [(name, figure) for one in columns for name, figure in one.items() if isinstance(figure, Estimate)]
    notes = []
    counts = {figure.resamples for _, figure in estimates if figure.resamples and not figure.reason}
    if counts:
        most = max(counts)
        fewer = _by_subject(
            (name, str(f.resamples)) for name, f in estimates if not f.reason and 0 < f.resamples < most
        )
        line = f"Intervals: the middle 95 % of {most} bootstrap resamples of the patients"
        notes.append(
            f"{line}; fewer define {', '.join(f'{what} ({n})' for what, n in fewer.items())}." if fewer else f"{line}."
        )
    without = _by_subject((name, figure.reason) for name, figure in estimates if figure.reason)
    if without:
        notes.append(f"No interval: {'; '.join(f'{what} ({reason})' for what, reason in without.items())}.")
    return notes


def _by_subject(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The first text of each finding, of the means together, or of a metric of all cases by its name."""
    subjects: dict[str, str] = {}
    for name, text in named:
        metric, _, finding = name.partition("/")[2].partition("/")
        subject = finding or (_MEANS if metric.endswith("_mean") else metric.replace("_", " "))
        subjects.setdefault(subject, text)
    return subjects
