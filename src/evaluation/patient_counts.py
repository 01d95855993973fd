"""How many patients a metric rests on. Fewer than five show nothing of how patients vary.

Axes: N cases, F findings or classes, M measures.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from src.evaluation.cases import Cases, Matches, Scores, Values
from src.evaluation.metric_name import MetricName
from src.evaluation.resample import DECISIONS, evaluable_findings
from src.evaluation.threshold import without_threshold

MIN_PATIENTS = 5
"""With fewer, a metric has no interval, no p value, no star and no bold."""


class PatientCount(NamedTuple):
    """``number``: of the patients that limit a metric. ``text``: which these are."""

    number: int
    text: str

    @property
    def is_few(self) -> bool:
        """Whether they are too few for any statement about other patients."""
        return self.number < MIN_PATIENTS


class PatientCounts:
    """The patients behind each metric of ``cases``.

    A classification metric of a finding is limited by the patients with it or by those without it, whichever are fewer;
    a detection's or a mask's by those with it; a mean over findings by its rarest finding; everything by the patients
    in all.
    """

    def __init__(self, cases: Cases) -> None:
        self._group_N = cases.keys.group_N
        # of values alone, whose columns are the metrics themselves
        self._means = {**cases.means, **cases.limited_by} if isinstance(cases, Values) else None
        self._undecided = without_threshold(cases) if isinstance(cases, Scores) else []
        self._columns = self._by_column(cases)
        counted_N = cases.counted_N if isinstance(cases, Matches) else None
        total = self._patients(torch.ones(len(cases.keys), dtype=torch.bool) if counted_N is None else counted_N)
        self._all = PatientCount(total, f"{_patients(total)} {'in all' if counted_N is None else 'whose images count'}")

    def of(self, metric: str) -> PatientCount:
        """Those of a metric by its name without the group: ``auroc_mean``, ``auroc/Edema``, ``accuracy``, ``dice``."""
        names = self._over(metric)
        rarest = min(names, key=lambda name: self._columns[name].number, default=None)
        if rarest is None or self._columns[rarest].number >= self._all.number:
            return self._all
        limit = self._columns[rarest]
        return limit if len(names) == 1 else limit._replace(text=f"{rarest.rpartition('/')[2]} has {limit.text}")

    def _over(self, metric: str) -> Sequence[str]:
        """The columns that a metric is of."""
        if self._means is not None:
            return self._means.get(metric, [metric])
        name = MetricName.parse(f"/{metric}")
        if name.finding is not None:
            return [name.finding]
        if name.metric in DECISIONS:
            return [finding for finding in self._columns if finding not in self._undecided]
        return [] if name.metric == "accuracy" and not name.is_mean else list(self._columns)

    def _by_column(self, cases: Cases) -> dict[str, PatientCount]:
        if isinstance(cases, Values):
            if cases.positive_NM is None:
                columns = zip(cases.names, (~cases.value_NM.isnan()).T, strict=True)
            else:
                columns = zip(cases.names, cases.positive_NM.T, strict=True)
            return {name: self._with(has_N) for name, has_N in columns}
        if isinstance(cases, Scores):
            return {cases.names[f]: self._rarer(cases.label_NF[:, f]) for f in evaluable_findings(cases.label_NF)}
        has_NF = cases.counted_objects_NF() > 0
        return {cases.names[f]: self._with(has_NF[:, f]) for f in cases.judged()}

    def _rarer(self, label_N: Tensor) -> PatientCount:
        with_it, without = (self._patients(label_N == label) for label in (1, 0))
        if with_it <= without:
            return PatientCount(with_it, f"{_patients(with_it)} with it")
        return PatientCount(without, f"{_patients(without)} without it")

    def _with(self, has_N: Tensor) -> PatientCount:
        count = self._patients(has_N)
        return PatientCount(count, f"{_patients(count)} with it")

    def _patients(self, chosen_N: Tensor) -> int:
        return len(self._group_N[chosen_N].unique())


def _patients(count: int) -> str:
    return f"{count} patient" if count == 1 else f"{count} patients"
