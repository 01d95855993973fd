"""Which published figure stands beside one of ours, and what is said of it."""

from collections.abc import Sequence
from typing import Any

from src.tasks.reporting.axes import Point
from src.tasks.reporting.published_figures import Figure
from src.tasks.reporting.published_protocol import Compose, Protocols, fraction_of

_LISTED = 3


class Published:
    """The figures of a file, in its order, held against jobs."""

    def __init__(self, figures: Sequence[Figure], *, compose: Compose) -> None:
        self.figures = tuple(figures)
        self._protocols = Protocols(compose)

    def beside(self, point: Point, metric: str) -> Figure | None:
        """The published figure of what ``point`` measured."""
        return next((one for one in self._near(point, metric) if not self._departures(point, one)), None)

    def follows(self, point: Point, figure: Figure) -> bool:
        """Whether ``point`` was measured by the protocol that ``figure`` was, on whatever image encoder."""
        if fraction_of(point) != figure.fraction:
            return False
        same = [one for one in self._near(point, figure.metric) if one.experiment == figure.experiment]
        return any(not self._protocols.departures(point, one, encoder=False) for one in same)

    def why_not(self, point: Point, metric: str) -> str | None:
        """In what ``point`` differs from the nearest figure; None where its data set has none, or one stands beside."""
        found = [self._departures(point, one) for one in self._near(point, metric) if one.weights]
        if not found or not all(found):
            return None
        nearest = min(found, key=len)
        more = f", and {len(nearest) - _LISTED} more differences" if len(nearest) > _LISTED else ""
        return "; ".join(nearest[:_LISTED]) + more

    def _near(self, point: Point, metric: str) -> list[Figure]:
        dataset = point.job.done.choices.get("dataset")
        return [one for one in self.figures if (one.dataset, one.metric) == (dataset, metric)]

    def _departures(self, point: Point, figure: Figure) -> list[str]:
        found = self._protocols.model_departures(point.model, figure)
        fraction = fraction_of(point)
        if fraction != figure.fraction:
            found.append(f"datamodule.fraction is {fraction:g} (published: {figure.fraction:g})")
        return [*found, *self._protocols.departures(point, figure, encoder=True)]


def not_reproduced(points: Sequence[Point]) -> list[str]:
    """What the experiments of ``points`` say that they do not reproduce of the published protocol."""
    said: list[Any] = []
    for point in points:
        listed = point.job.done.config.get("not_reproduced")
        said += listed if isinstance(listed, list) else []
    return list(dict.fromkeys(str(one) for one in said))
