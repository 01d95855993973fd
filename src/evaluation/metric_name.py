"""The name of a figure in its parts: the one place that reads them out of the text."""

from typing import NamedTuple

_MEAN = "_mean"


class MetricName(NamedTuple):
    """``group/metric``, ``group/metric_mean`` or ``group/metric/finding``.

    A group and a metric hold no slash, so that whatever stands behind the second one is the finding, whose name may be
    any text: ``classify/auroc/edema_mean`` is of the finding ``edema_mean``. ``is_mean``: over findings or categories;
    ``metric`` is then without its ending. ``finding``: None for a figure of all.
    """

    group: str
    metric: str
    finding: str | None
    is_mean: bool

    @classmethod
    def parse(cls, name: str) -> "MetricName":
        """Read a figure's name."""
        group, _, rest = name.partition("/")
        metric, slash, finding = rest.partition("/")
        if slash:
            return cls(group, metric, finding, False)
        return cls(group, metric.removesuffix(_MEAN), None, metric.endswith(_MEAN))

    @property
    def without_group(self) -> str:
        """The name that ``resampled`` gives the figure."""
        return str(self).partition("/")[2]

    def __str__(self) -> str:
        if self.finding is not None:
            return f"{self.group}/{self.metric}/{self.finding}"
        return f"{self.group}/{self.metric}{_MEAN if self.is_mean else ''}"
