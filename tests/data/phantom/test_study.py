"""Studies are the same whenever and wherever they are made, and the same at every size."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.core.errors import UserError
from src.data.phantom.shapes import resize
from src.data.phantom.study import PhantomStudy, make_study

ROOT = Path(__file__).resolve().parents[3]
DIGEST = """
import hashlib
from src.data.phantom.study import make_study
for index in (11, 3, 7):
    study = make_study(seed=9, index=index, prevalence=0.5)
    content = study.image(96).tobytes() + study.boxes(96).tobytes() + study.masks(64).tobytes() + study.report.encode()
    print(index, hashlib.sha256(content).hexdigest())
"""


def _digest(index: int) -> str:
    study = make_study(seed=9, index=index, prevalence=0.5)
    content = study.image(96).tobytes() + study.boxes(96).tobytes() + study.masks(64).tobytes() + study.report.encode()
    return hashlib.sha256(content).hexdigest()


def _bounds(mask_HW: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask_HW)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def test_same_bytes_in_another_process_in_another_order() -> None:
    command = [sys.executable, "-c", DIGEST]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    there = dict(line.split() for line in lines if line)
    assert there == {str(index): _digest(index) for index in (3, 7, 11)}


def test_seed_and_index_both_matter() -> None:
    made = {
        make_study(seed=seed, index=index, prevalence=0.5).image(64).tobytes() for seed in (0, 1) for index in (0, 1)
    }
    assert len(made) == 4


@given(st.integers(0, 2**31 - 1), st.integers(0, 10**6))
@settings(max_examples=12)
def test_any_study_has_picture_masks_and_boxes(seed: int, index: int) -> None:
    study = make_study(seed=seed, index=index, prevalence=0.5)
    image = study.image(64)
    assert image.dtype == np.uint8
    assert image.shape == (64, 64)
    assert image.std() > 20
    masks, boxes = study.masks(64), study.boxes(64)
    assert masks.shape == (len(study.findings), 64, 64)
    assert boxes.shape == (len(study.findings), 4)
    for mask, box in zip(masks, boxes, strict=True):
        assert mask.any()
        assert np.abs(_bounds(mask) - box).max() <= 2


@pytest.fixture(scope="module")
def studies() -> list[PhantomStudy]:
    return [make_study(seed=10, index=index, prevalence=0.4) for index in range(12)]


def test_boxes_scale_with_the_size(studies: list[PhantomStudy]) -> None:
    for study in studies:
        np.testing.assert_allclose(study.boxes(100) * 3, study.boxes(300), rtol=1e-5)


def test_masks_cover_the_same_share_at_every_size(studies: list[PhantomStudy]) -> None:
    for study in studies:
        small, large = study.masks(128), study.masks(512)
        for one, other in zip(small, large, strict=True):
            shrunk = resize(other.astype(np.float32), 128) > 0.5
            assert (one & shrunk).sum() >= 0.75 * shrunk.sum()


def test_picture_is_the_same_at_every_size(studies: list[PhantomStudy]) -> None:
    for study in studies:
        small, large = study.image(96).astype(np.float32), study.image(384).astype(np.float32)
        assert np.corrcoef(small.ravel(), resize(large, 96).ravel())[0, 1] > 0.985


def test_a_radiograph_has_dark_lungs_and_a_bright_middle(studies: list[PhantomStudy]) -> None:
    for study in (make_study(seed=10, index=index, prevalence=0.0) for index in range(20)):
        image, organs = study.image(128), study.organs(128)
        heart = image[organs["heart"]].mean()
        for side in ("left lung", "right lung"):
            assert image[organs[side]].mean() < heart - 50
        assert not (organs["left lung"] & organs["right lung"]).any()
        left, right = (np.nonzero(organs[side])[1].mean() for side in ("left lung", "right lung"))
        assert left > right


@pytest.mark.parametrize("size", [63, 513, 0])
def test_sizes_out_of_range_are_refused(size: int) -> None:
    with pytest.raises(UserError, match="64 to 512"):
        make_study(seed=0, index=0, prevalence=0.1).image(size)
