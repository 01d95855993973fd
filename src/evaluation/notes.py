"""What stands below a table of results: on what its intervals rest, and why some figures have none."""

from collections.abc import Iterable

from src.evaluation.estimate import Estimate, Figures
from src.evaluation.metric_name import MetricName


def interval_notes(*columns: Figures) -> list[str]:
    """Sentences about the intervals of one or several models' figures; none where no interval was asked for.

    The first says how many bootstrap resamples they rest on, and what fewer define. One for each reason names the
    findings, and the metrics of all cases, that have no interval.
    """
    estimates = [(name, figure) for one in columns for name, figure in one.items() if isinstance(figure, Estimate)]
    notes = []
    counts = {figure.resamples for _, figure in estimates if figure.resamples and not figure.reason}
    if counts:
        most = max(counts)
        few = [(name, figure) for name, figure in estimates if not figure.reason and 0 < figure.resamples < most]
        fewer = _by_text((name, str(figure.resamples)) for name, figure in few)
        listed = "; fewer define " + "; ".join(f"{what} ({number})" for number, what in fewer.items()) if fewer else ""
        notes.append(f"Intervals: the middle 95 % of {most} bootstrap resamples of the patients{listed}.")
    without = _by_text((name, figure.reason) for name, figure in estimates if figure.reason)
    return [*notes, *(f"No interval ({reason}): {what}." for reason, what in without.items())]


def _by_text(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """By each text the findings, the means, and the metrics of all cases that it is said of; each once."""
    subjects: dict[str, dict[str, None]] = {}
    seen: set[tuple[str, str]] = set()
    for name, text in named:
        parsed = MetricName.parse(name)
        kind = "finding" if parsed.finding is not None else "mean" if parsed.is_mean else "metric"
        what = parsed.finding or ("the means" if parsed.is_mean else parsed.metric)
        if (kind, what) not in seen:
            seen.add((kind, what))
            subjects.setdefault(text, {})[what.replace("_", " ")] = None
    return {text: ", ".join(names) for text, names in subjects.items()}
