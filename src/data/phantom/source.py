"""The phantom as a data set of image-report pairs: three disjoint ranges of studies, rendered on demand."""

import functools
from collections import defaultdict
from typing import Literal

import numpy as np
from pydantic import NonNegativeInt

from src.core.errors import UserError
from src.core.ranges import Fraction
from src.data.phantom.findings import FINDING_NAMES
from src.data.phantom.study import PhantomStudy, check_size, make_study
from src.data.phrases import Phrase
from src.data.sources import Original, unchanged


class PhantomTable:
    """One split: studies ``first`` to ``first + count`` of the phantom. ``label_NF``: float32, 1 present, 0 absent."""

    def __init__(self, *, seed: int, size: int, prevalence: float, first: int, count: int) -> None:
        self.seed = seed
        self.size = size
        self.prevalence = prevalence
        self.first = first
        self.count = count

    def __len__(self) -> int:
        return self.count

    @functools.cached_property
    def label_NF(self) -> np.ndarray:  # noqa: N802
        """float32 (N, F): 1 present, 0 absent, columns in the order of ``FINDING_NAMES``."""
        labels = [self.study(index).labels for index in range(self.count)]
        return np.array(labels, dtype=np.float32).reshape(self.count, len(FINDING_NAMES))

    def study(self, index: int) -> PhantomStudy:
        """Everything known of one study: findings, boxes, masks, sentences."""
        if not 0 <= index < self.count:
            raise IndexError(index)
        return make_study(seed=self.seed, index=self.first + index, prevalence=self.prevalence)

    def image(self, index: int) -> np.ndarray:
        """The radiograph, uint8 (size, size)."""
        return self.study(index).image(self.size)

    def boxes(self, index: int) -> list[tuple[str, np.ndarray]]:
        """Each finding's name and box, x0, y0, x1, y1 in pixels of the radiograph."""
        study = self.study(index)
        names = [finding.name for finding in study.findings]
        return list(zip(names, study.boxes(self.size), strict=True))

    def masks(self, index: int) -> list[tuple[str, np.ndarray]]:
        """Each finding's name and pixels, bool (size, size); what comes several times is one mask."""
        study = self.study(index)
        joined: dict[str, np.ndarray] = {}
        for finding, mask_HW in zip(study.findings, study.masks(self.size), strict=True):
            joined[finding.name] = joined.get(finding.name, False) | mask_HW
        return list(joined.items())

    def original(self, index: int) -> Original:  # noqa: ARG002
        """The radiograph is the original."""
        return unchanged(self.size, self.size)

    def phrases(self, index: int) -> list[Phrase]:
        """The sentences that say that a finding is there, or may be, each with the pixels of what it speaks of."""
        study = self.study(index)
        mask_IHW, box_I4 = study.masks(self.size), study.boxes(self.size)
        # said twice in the same words, it is one phrase
        spoken: dict[str, set[int]] = defaultdict(set)
        for sentence in study.sentences:
            if sentence.instances:
                spoken[" ".join(study.report[sentence.start : sentence.end].split())] |= {*sentence.instances}
        return [
            Phrase(
                text=text,
                category=study.findings[min(of)].name,
                box_N4=box_I4[sorted(of)],
                mask_HW=np.logical_or.reduce(mask_IHW[sorted(of)], axis=0),
            )
            for text, of in spoken.items()
        ]

    def report(self, index: int) -> str:
        """The report with its section headings."""
        return self.study(index).report

    def row(self, index: int) -> int:
        """The study's number in the phantom, unique over all splits."""
        return self.first + index

    def file(self, index: int) -> str:  # noqa: ARG002
        """No file: the picture is generated."""
        return ""


class PhantomSource:
    """Synthetic chest radiographs with reports.

    ``size``: pixels of a side, 64 to 512. ``train``, ``val``, ``test``: studies in each split.
    ``prevalence``: probability of each of the nine findings, drawn independently.
    UserError where a value is out of range.
    """

    finding_names = FINDING_NAMES
    exclusive = False

    def __init__(
        self,
        *,
        seed: NonNegativeInt,
        size: int,
        train: NonNegativeInt,
        val: NonNegativeInt,
        test: NonNegativeInt,
        prevalence: Fraction,
    ) -> None:
        check_size(size)
        if not 0 <= prevalence <= 1:
            raise UserError(f"dataset.prevalence={prevalence} is no probability; choose 0 to 1")
        if seed < 0:
            raise UserError(f"dataset.seed={seed} is negative; choose 0 or more")
        for name, count in (("train", train), ("val", val), ("test", test)):
            if count < 0:
                raise UserError(f"dataset.{name}={count} is negative; choose the number of studies, 0 or more")
        self.seed = seed
        self.size = size
        self.prevalence = prevalence
        self._ranges = {"test": (0, test), "val": (test, val), "train": (test + val, train)}

    def check(self) -> None:
        """Nothing can be missing: the constructor has refused what cannot be rendered."""

    def table(self, split: Literal["train", "val", "test"]) -> PhantomTable:
        """The studies of one split; test comes first, so that more training studies leave it as it is."""
        first, count = self._ranges[split]
        return PhantomTable(seed=self.seed, size=self.size, prevalence=self.prevalence, first=first, count=count)
