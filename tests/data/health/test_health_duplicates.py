"""Repeated files and pictures are found, within a data set and between two, and strangers are not.

Axes: N looks.
"""

import cv2
import numpy as np
import pytest

from src.data.appearance import LOOK_TOLERANCE, look
from src.data.health.check import Check
from src.data.health.close_looks import close_pairs
from src.data.health.columns import Columns, sides
from src.data.health.duplicates import check_against, check_duplicates, crossing, same_files, same_pictures
from tests.data.health.made_columns import healthy, spoilt
from tests.data.store.made import picture


def flipped(one_32: np.ndarray, bits: list[int]) -> np.ndarray:
    bit_B = np.unpackbits(one_32)
    bit_B[bits] ^= 1
    return np.packbits(bit_B)


def read(number: int) -> np.ndarray:
    return picture(number)


def checks_of(columns: Columns, read_image=read) -> dict[str, tuple[str, tuple[int, ...]]]:
    files_P2 = same_files(columns)
    checks = check_duplicates(columns, files_P2=files_P2, pictures_P2=same_pictures(columns, files_P2, read_image))
    assert len(checks) == 6
    return {check.name: (check.state, check.rows) for check in checks if check.number}


def test_every_pair_of_seven_bits_is_found_and_none_above_the_tolerance() -> None:
    rng = np.random.default_rng(1)
    look_N32 = rng.integers(0, 256, (2000, 32), dtype=np.uint8)
    near = [flipped(look_N32[n], rng.permutation(256)[:7].tolist()) for n in range(300)]
    far = [flipped(look_N32[n], rng.permutation(256)[: LOOK_TOLERANCE + 1].tolist()) for n in range(300, 600)]
    pair_P2 = close_pairs(np.concatenate([look_N32, near, far]), tolerance=LOOK_TOLERANCE)
    assert pair_P2.tolist() == [[n, 2000 + n] for n in range(300)]


def test_most_pairs_of_twelve_bits_are_found() -> None:
    rng = np.random.default_rng(2)
    look_N32 = rng.integers(0, 256, (1000, 32), dtype=np.uint8)
    near = [flipped(look, rng.permutation(256)[:12].tolist()) for look in look_N32]
    assert len(close_pairs(np.concatenate([look_N32, near]), tolerance=12)) > 800


def test_equal_looks_are_a_chain_and_nothing_is_no_pair() -> None:
    look_N32 = np.zeros((50, 32), dtype=np.uint8)
    assert len(close_pairs(look_N32, tolerance=4)) == 49
    assert close_pairs(look_N32[:1], tolerance=4).shape == (0, 2)
    assert close_pairs(look_N32[:0], tolerance=4).shape == (0, 2)


def test_it_agrees_with_comparing_all_with_all() -> None:
    rng = np.random.default_rng(3)
    base_32 = rng.integers(0, 256, 32, dtype=np.uint8)
    look_N32 = np.stack([flipped(base_32, rng.permutation(256)[: n % 9].tolist()) for n in range(120)])
    look_N32 = np.unique(look_N32, axis=0)
    bit_NB = np.unpackbits(look_N32, axis=1).astype(int)
    distance_NN = np.abs(bit_NB[:, None] - bit_NB[None]).sum(axis=2)
    expected = np.argwhere(np.triu(distance_NN <= 7, k=1))
    assert close_pairs(look_N32, tolerance=7).tolist() == expected.tolist()


def test_a_healthy_data_set_has_no_duplicates() -> None:
    assert checks_of(healthy()) == {}


@pytest.mark.parametrize(
    ("one", "other", "name", "state"),
    [
        (2, 15, "in two splits", "problem"),
        (12, 25, "in two splits", "problem"),
        (2, 5, "of two patients", "problem"),
        (2, 3, "of one patient", "warning"),
    ],
)
def test_a_repeated_file_and_a_repeated_picture(one: int, other: int, name: str, state: str) -> None:
    made = healthy()
    columns = healthy(
        sha_N32=spoilt(made.sha_N32, {other: made.sha_N32[one]}),
        look_N32=spoilt(made.look_N32, {other: made.look_N32[one]}),
    )
    row = (f"{min(one, other) + 1} and {max(one, other) + 1}",)
    assert checks_of(columns, lambda n: picture(one if n == other else n)) == {f"same file {name}": (state, row)}
    columns = healthy(look_N32=spoilt(made.look_N32, {other: flipped(made.look_N32[one], [3, 77, 200])}))
    assert checks_of(columns, lambda n: picture(one if n == other else n)) == {f"same picture {name}": (state, row)}
    # looks that agree by chance are told apart by the images
    assert checks_of(columns) == {}


def test_a_leak_shows_through_an_unused_image_between() -> None:
    made = healthy()
    positions = {"train": np.arange(5), "val": np.arange(10, 20), "test": np.arange(20, 30)}
    columns = healthy(
        side_N=sides(positions, 30),
        sha_N32=spoilt(made.sha_N32, {7: made.sha_N32[2], 22: made.sha_N32[2]}),
    )
    found = checks_of(columns)
    assert found["same file in two splits"][0] == "problem"
    # the unused one is nobody's problem
    assert found["same file of one patient"][0] == "warning"


def test_nearly_blank_and_unreadable_images_are_no_duplicates_of_each_other() -> None:
    made = healthy()
    zero = np.zeros(32, dtype=np.uint8)
    columns = healthy(
        look_N32=spoilt(made.look_N32, {1: zero, 15: zero, 20: zero, 29: zero}),
        sha_N32=spoilt(made.sha_N32, {20: zero, 29: zero}),
        spread_N=spoilt(made.spread_N, {1: 2.0, 15: 2.0}),
        height_N=spoilt(made.height_N, {20: 0, 29: 0}),
    )
    assert checks_of(columns) == {}


def test_crossing_is_train_with_held_out_and_only_val_with_test() -> None:
    train, val, test, both, none = 1, 2, 4, 6, 0
    leaks = {(train, val), (train, test), (train, both), (val, test), (val, both)}
    values = [none, train, val, test, both]
    for a in values:
        for b in values:
            expected = (a, b) in leaks or (b, a) in leaks
            assert crossing(np.array([a], dtype=np.uint8), np.array([b], dtype=np.uint8))[0] == expected


def against(columns: Columns, other: Columns, read_image=read, read_other=lambda n: picture(1000 + n)) -> list[Check]:
    return check_against(columns, other, "rsna", read_image=read_image, read_other=read_other)


def test_two_strangers_share_nothing() -> None:
    rng = np.random.default_rng(9)
    other = healthy(**{name: rng.integers(0, 256, (30, 32), dtype=np.uint8) for name in ("sha_N32", "look_N32")})
    assert [(check.state, check.number) for check in against(healthy(), other)] == [("ok", 0), ("ok", 0)]


def test_what_trains_here_and_is_tested_there() -> None:
    made, rng = healthy(), np.random.default_rng(9)
    sha_N32, look_N32 = (rng.integers(0, 256, (30, 32), dtype=np.uint8) for _ in range(2))
    # 3 and 12, train and val here, as files; 4 as a picture; 25, test here, and 5, train there, are no leak
    sha_N32[25], sha_N32[26], sha_N32[27], sha_N32[2] = (made.sha_N32[n] for n in (3, 12, 25, 5))
    look_N32[28] = flipped(made.look_N32[4], [1, 9])
    look_N32[29] = made.look_N32[6]
    other = healthy(sha_N32=sha_N32, look_N32=look_N32)
    files, pictures = against(made, other, read_other=lambda n: picture({28: 4}.get(n, 1000 + n)))
    assert (files.name, files.state, files.rows) == ("same file in the test of rsna", "problem", (4, 13))
    assert (pictures.name, pictures.state, pictures.rows) == ("same picture in the test of rsna", "problem", (5,))


def test_a_data_set_against_itself_leaks_nothing() -> None:
    assert [check.number for check in against(healthy(), healthy(), read_other=read)] == [0, 0]


def test_real_looks_of_one_picture_re_encoded_are_close() -> None:
    image_HW = picture(5, 300, 240)
    small_HW = cv2.resize(image_HW, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    looks = np.array([list(look(image_HW)), list(look(small_HW)), list(look(picture(6, 300, 240)))], dtype=np.uint8)
    assert close_pairs(looks, tolerance=LOOK_TOLERANCE).tolist() == [[0, 1]]
