"""One phantom study: what is wrong, the report, and, on request, the picture, boxes and masks at any size."""

from dataclasses import dataclass, replace

import numpy as np

from src.core.errors import UserError
from src.data.phantom.anatomy import Anatomy, draw_anatomy
from src.data.phantom.findings import FINDING_NAMES, Finding, draw_findings
from src.data.phantom.geometry import Chest, build_chest
from src.data.phantom.lesions import lesion_mask
from src.data.phantom.render import render
from src.data.phantom.report import Sentence, write_report

SMALLEST, LARGEST = 64, 512
_FINDINGS, _ANATOMY, _REPORT, _PICTURE = range(4)


@dataclass(frozen=True)
class PhantomStudy:
    """A patient, the film and the report; the same for the same (seed, index, prevalence).

    Pixels are made by the methods, each for square pictures of ``size`` pixels. Body geometry is the same at every
    size: a box at 256 pixels is twice the box at 128.
    """

    seed: int
    index: int
    anatomy: Anatomy
    findings: tuple[Finding, ...]
    report: str
    sentences: tuple[Sentence, ...]

    @property
    def labels(self) -> np.ndarray:
        """float32 (F,), 1 where a finding of ``FINDING_NAMES`` is present, else 0."""
        there = {finding.name for finding in self.findings}
        return np.array([name in there for name in FINDING_NAMES], dtype=np.float32)

    def chest(self) -> Chest:
        """The outlines of this patient's organs in picture coordinates (fractions of the size)."""
        return build_chest(self.anatomy, self.findings)

    def image(self, size: int) -> np.ndarray:
        """The radiograph, uint8 (size, size). UserError where ``size`` is not 64 to 512."""
        check_size(size)
        return render(_stream(self.seed, self.index, _PICTURE), self.anatomy, self.chest(), self.findings, size)

    def masks(self, size: int) -> np.ndarray:
        """Where each finding is, bool (len(findings), size, size)."""
        check_size(size)
        chest = self.chest()
        masks = [lesion_mask(chest, finding, size) for finding in self.findings]
        return np.array(masks, dtype=bool).reshape(-1, size, size)

    def boxes(self, size: int) -> np.ndarray:
        """A box around each finding, float32 (len(findings), 4): x0, y0, x1, y1 in pixels of ``size``."""
        check_size(size)
        boxes = [_box(mask) for mask in self.masks(LARGEST)]
        return np.array(boxes, dtype=np.float32).reshape(-1, 4) * (size / LARGEST)

    def organs(self, size: int) -> dict[str, np.ndarray]:
        """Masks of ``left lung``, ``right lung`` (the patient's) and ``heart``, bool (size, size) each.

        Lungs are the fields beside heart and mediastinum, filled with whatever the findings put there.
        """
        check_size(size)
        return self.chest().organs(size)

    def without(self, name: str) -> "PhantomStudy":
        """The same patient and film without one finding; the report stays as it was."""
        return replace(self, findings=tuple(finding for finding in self.findings if finding.name != name))


def make_study(*, seed: int, index: int, prevalence: float) -> PhantomStudy:
    """Study number ``index`` of the phantom with ``seed``. Takes well under a millisecond; renders nothing."""
    findings = draw_findings(_stream(seed, index, _FINDINGS), prevalence)
    anatomy = draw_anatomy(_stream(seed, index, _ANATOMY))
    report, sentences = write_report(_stream(seed, index, _REPORT), anatomy, findings)
    return PhantomStudy(seed, index, anatomy, findings, report, sentences)


def check_size(size: int) -> None:
    """Refuse picture sizes that the phantom is not made for."""
    if not SMALLEST <= size <= LARGEST:
        raise UserError(f"dataset.size={size} is out of range; choose {SMALLEST} to {LARGEST} pixels")


def _stream(seed: int, index: int, purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, index, purpose]))


def _box(mask_HW: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
