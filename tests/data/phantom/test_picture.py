"""Each finding changes the picture where its mask says, and in the way it should."""

import numpy as np
import pytest

from src.data.phantom.findings import FINDING_NAMES
from src.data.phantom.study import PhantomStudy, make_study

SIZE = 128
BRIGHTER = ("effusion", "consolidation", "nodule", "edema", "support_device", "fracture", "cardiomegaly", "atelectasis")


def _with(name: str, count: int = 8) -> list[PhantomStudy]:
    """Studies that have the finding, and at most one other kind."""
    found, index = [], 0
    while len(found) < count:
        study = make_study(seed=20, index=index, prevalence=0.16)
        kinds = {finding.name for finding in study.findings}
        if name in kinds and len(kinds) <= 2:
            found.append(study)
        index += 1
    return found


def _change(study: PhantomStudy, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The difference that the finding makes, and where its masks are."""
    before, after = study.without(name).image(SIZE).astype(float), study.image(SIZE).astype(float)
    masks = [mask for mask, finding in zip(study.masks(SIZE), study.findings, strict=True) if finding.name == name]
    return after - before, np.any(masks, axis=0)


@pytest.mark.parametrize("name", FINDING_NAMES)
def test_a_finding_changes_the_picture_inside_its_mask(name: str) -> None:
    for study in _with(name):
        change, mask = _change(study, name)
        inside, outside = np.abs(change[mask]).mean(), np.abs(change[~mask]).mean()
        assert inside > 4
        assert inside > 2.5 * outside


@pytest.mark.parametrize("name", BRIGHTER)
def test_water_bone_and_metal_are_brighter(name: str) -> None:
    for study in _with(name):
        change, mask = _change(study, name)
        assert change[mask].mean() > 3


def test_a_pneumothorax_is_darker() -> None:
    for study in _with("pneumothorax"):
        change, mask = _change(study, "pneumothorax")
        assert np.median(change[mask]) < -5


def test_severe_edema_and_large_effusions_cover_more() -> None:
    for name in ("edema", "effusion"):
        change = {grade: [] for grade in range(3)}
        for study in _with(name, 24):
            difference, _ = _change(study, name)
            grade = next(finding.grade for finding in study.findings if finding.name == name)
            change[grade].append(difference.clip(0).sum() / sum(f.name == name for f in study.findings))
        assert np.mean(change[0]) < np.mean(change[1]) < np.mean(change[2])


def test_atelectasis_raises_the_diaphragm() -> None:
    for study in _with("atelectasis"):
        side = next(finding.side for finding in study.findings if finding.name == "atelectasis")
        organ = f"{side} lung"
        assert study.organs(256)[organ].sum() < 0.97 * study.without("atelectasis").organs(256)[organ].sum()


def test_the_heart_is_wider_than_half_the_chest_only_with_cardiomegaly() -> None:
    for index in range(150):
        study = make_study(seed=21, index=index, prevalence=0.4)
        organs = study.organs(256)
        heart = np.flatnonzero(organs["heart"].any(axis=0))
        chest = np.flatnonzero(np.any(list(organs.values()), axis=0).any(axis=0))
        ratio = np.ptp(heart) / np.ptp(chest)
        assert (ratio > 0.5) == any(finding.name == "cardiomegaly" for finding in study.findings)


def test_masks_lie_on_the_side_that_the_report_says() -> None:
    for index in range(60):
        study = make_study(seed=22, index=index, prevalence=0.4)
        middle = np.nonzero(study.organs(SIZE)["left lung"] | study.organs(SIZE)["right lung"])[1].mean()
        for mask, finding in zip(study.masks(SIZE), study.findings, strict=True):
            if finding.side != "both" and finding.name != "support_device":
                on_left = np.nonzero(mask)[1].mean() > middle
                assert on_left == (finding.side == "left"), finding.name
