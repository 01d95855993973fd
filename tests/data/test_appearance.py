"""The thresholds of ``src.data.appearance`` on real radiographs and on the phantom.

Axes: H and W pixels, N images.
"""

from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from src.data.appearance import BLANK, INVERTED, LOOK_TOLERANCE, detail, look, same_picture, spread, tone
from src.data.dicom_io import read_dicom
from src.data.image_io import check_size
from tests.trees.pictures import phantom_table


def compressed(image_HW: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image_HW, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_GRAYSCALE)


def halved(image_HW: np.ndarray) -> np.ndarray:
    return cv2.resize(image_HW, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def enlarged(image_HW: np.ndarray) -> np.ndarray:
    return cv2.resize(image_HW, None, fx=1.6, fy=1.6, interpolation=cv2.INTER_LINEAR)


def flatter(image_HW: np.ndarray) -> np.ndarray:
    return np.rint(image_HW * 0.7 + 20).astype(np.uint8)


def gamma(image_HW: np.ndarray) -> np.ndarray:
    return np.rint(255 * (image_HW / 255) ** 0.8).astype(np.uint8)


def brighter(image_HW: np.ndarray) -> np.ndarray:
    return np.minimum(np.rint(image_HW * 1.15), 255).astype(np.uint8)


CHANGES: tuple[Callable[[np.ndarray], np.ndarray], ...] = (compressed, halved, enlarged, flatter, gamma)


def bits(images: list[np.ndarray]) -> np.ndarray:
    return np.unpackbits(np.array([list(look(image_HW)) for image_HW in images], dtype=np.uint8), axis=1).astype(int)


def distances(bit_NB: np.ndarray) -> np.ndarray:
    return bit_NB @ (1 - bit_NB).T + (1 - bit_NB) @ bit_NB.T


@pytest.fixture(scope="module")
def phantoms() -> list[np.ndarray]:
    table = phantom_table(60, seed=3)
    return [table.image(index) for index in range(60)]


@pytest.fixture(scope="module")
def cohen(shared_dir: Path) -> list[np.ndarray]:
    return [cv2.imread(str(path), 0) for path in sorted((shared_dir / "data/cohen_cxr/images").iterdir())]


@pytest.fixture(scope="module")
def nih(shared_dir: Path) -> tuple[list[np.ndarray], np.ndarray]:
    folder = shared_dir / "data/nih64"
    table = pd.read_csv(folder / "labels.csv")
    return [cv2.imread(str(folder / file), 0) for file in table["file"]], table["patient"].to_numpy()


def test_no_phantom_is_inverted_blank_or_a_duplicate(phantoms: list[np.ndarray]) -> None:
    assert min(map(tone, phantoms)) > 0.5
    assert max(tone(255 - image_HW) for image_HW in phantoms) < -0.5
    assert min(image_HW.std() for image_HW in phantoms) > BLANK
    distance_NN = distances(bits(phantoms))
    assert distance_NN[np.triu_indices(60, 1)].min() > LOOK_TOLERANCE


def test_a_phantom_is_the_same_picture_whatever_was_done_to_its_file(phantoms: list[np.ndarray]) -> None:
    for change in (*CHANGES, brighter):
        changed = [change(image_HW) for image_HW in phantoms]
        assert np.quantile(np.diag(distances_between(phantoms, changed)), 0.9) <= LOOK_TOLERANCE
        assert all(same_picture(detail(a), detail(b)) for a, b in zip(phantoms, changed, strict=True))
    assert not any(same_picture(detail(a), detail(b)) for a, b in pairwise(phantoms))


def distances_between(images: list[np.ndarray], others: list[np.ndarray]) -> np.ndarray:
    one_NB, other_NB = bits(images), bits(others)
    return one_NB @ (1 - other_NB).T + (1 - one_NB) @ other_NB.T


def test_no_real_image_is_called_inverted_and_every_inverted_one_is(
    cohen: list[np.ndarray], nih: tuple[list[np.ndarray], np.ndarray]
) -> None:
    upright = [tone(image_HW) for image_HW in [*cohen, *nih[0]]]
    inverted = [tone(255 - image_HW) for image_HW in [*cohen, *nih[0]]]
    assert len(upright) == 1004
    assert sum(value < INVERTED for value in upright) == 0
    assert sum(value >= INVERTED for value in inverted) == 0


def test_no_real_image_is_nearly_blank(cohen: list[np.ndarray], nih: tuple[list[np.ndarray], np.ndarray]) -> None:
    assert min(spread(image_HW) for image_HW in [*cohen, *nih[0]]) > 1.5 * BLANK


def test_real_dicoms_have_their_tone(shared_dir: Path) -> None:
    for path in sorted((shared_dir / "data/dicom").glob("*.dcm")):
        image_HW = read_dicom(path, scale="maximum", check_size=check_size)
        # the one whose tag was falsified shows it: that is what the check is for
        assert (tone(image_HW) < INVERTED) == ("Fake" in path.name)


def test_strangers_never_look_alike_on_real_images(nih: tuple[list[np.ndarray], np.ndarray]) -> None:
    images, patient_N = nih
    distance_NN = distances(bits(images))
    strangers = np.triu(patient_N[:, None] != patient_N[None], k=1)
    assert distance_NN[strangers].min() > LOOK_TOLERANCE + 6
    details = [detail(image_HW) for image_HW in images]
    closest = np.argwhere(strangers & (distance_NN <= 30))
    assert len(closest) > 20
    assert not any(same_picture(details[a], details[b]) for a, b in closest)


def test_re_encoded_real_images_are_the_same_picture(cohen: list[np.ndarray]) -> None:
    for change in CHANGES:
        changed = [change(image_HW) for image_HW in cohen]
        assert np.diag(distances_between(cohen, changed)).max() <= LOOK_TOLERANCE
        assert all(same_picture(detail(a), detail(b)) for a, b in zip(cohen, changed, strict=True))
    brightened = [brighter(image_HW) for image_HW in cohen]
    assert np.mean(np.diag(distances_between(cohen, brightened)) <= LOOK_TOLERANCE) > 0.95


def test_an_even_image_has_no_tone_and_no_twin() -> None:
    even_HW = np.full((40, 40), 7, dtype=np.uint8)
    assert tone(even_HW) == 0
    assert look(even_HW) == bytes(32)
    assert not same_picture(detail(even_HW), detail(even_HW))


def framed(image_HW: np.ndarray, low: int, high: int) -> np.ndarray:
    """An image whose grey levels were squeezed into a few, in a black frame: padding that was taken for a value."""
    return np.pad(np.rint(low + image_HW * ((high - low) / 255)).astype(np.uint8), 4)


def test_a_frame_makes_no_two_people_the_same_picture(nih: tuple[list[np.ndarray], np.ndarray]) -> None:
    images = [framed(image_HW, 225, 255) for image_HW in nih[0][:60]]
    assert min(image_HW.std() for image_HW in images) > 10 * BLANK
    details, patient_N = [detail(image_HW) for image_HW in images], nih[1]
    strangers = [(a, b) for a, b in combinations(range(60), 2) if patient_N[a] != patient_N[b]]
    assert not any(same_picture(details[a], details[b]) for a, b in strangers)
    assert all(same_picture(detail(a), detail(enlarged(a))) for a in images)


def test_what_is_nearly_blank_inside_its_frame_is_nearly_blank(nih: tuple[list[np.ndarray], np.ndarray]) -> None:
    assert max(spread(framed(image_HW, 241, 255)) for image_HW in nih[0][:60]) < BLANK
    assert min(spread(image_HW) for image_HW in nih[0]) > 1.5 * BLANK
