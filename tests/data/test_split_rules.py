"""Split rules: the published draws, whole patients, the user's own lists, and leaks."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.errors import UserError
from src.data.split_rules import DrawnSplit, IdListSplit, Images, OfficialSplit, count_leaks, draw_patients


def _images(patients: list[int], splits: list[str] | None = None, positive: list[int] | None = None) -> Images:
    count = len(patients)
    return Images(
        id_N=np.array([f"id{number}" for number in range(count)]),
        patient_N=np.array(patients),
        split_N=np.array(splits or [""] * count),
        label_NF=np.array(positive or [0] * count, dtype=np.float32)[:, None],
        finding_names=("one",),
    )


def test_rsna_splits_have_the_published_sizes() -> None:
    images = _images(list(range(26_684)))
    classify = DrawnSplit(val=0.15, test=0.15, seed=0, negatives_per_positive=None).assign(images)
    assert {split: len(rows) for split, rows in classify.items()} == {"train": 18_678, "val": 4_003, "test": 4_003}
    detect = DrawnSplit(val=0.2, test=0.2, seed=0, negatives_per_positive=None).assign(images)
    assert {split: len(rows) for split, rows in detect.items()} == {"train": 16_010, "val": 5_337, "test": 5_337}


def test_the_draw_is_scikit_learns() -> None:
    # train_test_split(range(10), test_size=0.4, random_state=0), and its test half at 0.5 again, worked out once
    rows = DrawnSplit(val=0.2, test=0.2, seed=0, negatives_per_positive=None).assign(_images(list(range(10))))
    first = np.random.RandomState(0).permutation(10)
    assert first.tolist() == [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]
    second = np.random.RandomState(0).permutation(4)
    assert second.tolist() == [2, 3, 1, 0]
    assert rows["val"].tolist() == [4, 9]
    assert rows["test"].tolist() == [2, 8]
    assert rows["train"].tolist() == [0, 1, 3, 5, 6, 7]


@given(st.lists(st.integers(0, 12), min_size=20, max_size=60), st.integers(0, 5))
def test_a_drawn_split_keeps_patients_whole_and_loses_no_image(patients: list[int], seed: int) -> None:
    codes = np.unique(patients, return_inverse=True)[1]
    rows = DrawnSplit(val=0.2, test=0.2, seed=seed, negatives_per_positive=None).assign(_images(codes.tolist()))
    assert sorted(np.concatenate(list(rows.values())).tolist()) == list(range(len(patients)))
    assert count_leaks(rows, codes) == 0


def test_as_many_negatives_as_positives_in_train_and_all_elsewhere() -> None:
    positive = [int(number % 5 == 0) for number in range(200)]
    images = _images(list(range(200)), positive=positive)
    plain = DrawnSplit(val=0.15, test=0.15, seed=0, negatives_per_positive=None).assign(images)
    thinned = DrawnSplit(val=0.15, test=0.15, seed=0, negatives_per_positive=1.0).assign(images)
    kept = np.array(positive)[thinned["train"]]
    assert kept.sum() == np.array(positive)[plain["train"]].sum()
    assert len(kept) == 2 * kept.sum()
    assert set(thinned["train"]) <= set(plain["train"])
    for split in ("val", "test"):
        np.testing.assert_array_equal(thinned[split], plain[split])


def test_the_owners_words_and_a_validation_split_of_whole_patients() -> None:
    splits = ["train"] * 60 + ["valid"] * 10
    images = _images([number // 3 for number in range(70)], splits)
    rule = OfficialSplit(values={"train": ["train"], "test": ["valid"]}, val_from_train=12, seed=1)
    assert rule.unused == ()
    rows = rule.assign(images)
    assert len(rows["val"]) == 12
    assert len(rows["train"]) == 48
    assert rows["test"].tolist() == list(range(60, 70))
    assert count_leaks({"train": rows["train"], "val": rows["val"], "test": np.array([], int)}, images.patient_N) == 0
    again = OfficialSplit(values={"train": ["train"], "test": ["valid"]}, val_from_train=0.2, seed=1).assign(images)
    np.testing.assert_array_equal(again["val"], rows["val"])


def test_a_word_that_stands_for_two_splits() -> None:
    rule = OfficialSplit(
        values={"train": ["train"], "val": ["validate", "test"], "test": ["test"]}, val_from_train=0, seed=0
    )
    images = _images([0, 1, 2], ["train", "validate", "test"])
    rows = rule.assign(images)
    assert {split: positions.tolist() for split, positions in rows.items()} == {
        "train": [0],
        "val": [1, 2],
        "test": [2],
    }
    assert count_leaks(rows, images.patient_N) == 0


def test_a_word_without_a_split() -> None:
    rule = OfficialSplit(values={"train": ["train"]}, val_from_train=0, seed=0)
    assert rule.unused == ("val", "test")
    with pytest.raises(UserError, match=r"2 image\(s\) are of a split that dataset.split.values does not name \(dev\)"):
        rule.assign(_images([0, 1, 2], ["train", "dev", "dev"]))


@given(st.lists(st.integers(0, 20), min_size=1, max_size=80), st.integers(0, 40), st.integers(0, 3))
def test_drawn_patients_are_whole_and_just_enough(patients: list[int], count: int, seed: int) -> None:
    patient_N = np.array(patients)
    drawn = draw_patients(patient_N, count=count, seed=seed)
    assert not set(patient_N[drawn]) & set(patient_N[~drawn])
    assert drawn.sum() >= min(count, len(patients))
    largest = np.bincount(patient_N).max()
    assert drawn.sum() < count + largest or count == 0


def test_leaks_are_counted_in_patients() -> None:
    patient_N = np.array([0, 0, 1, 1, 2, 3])
    sides = {"train": np.array([0, 2]), "val": np.array([1]), "test": np.array([3, 4, 5])}
    assert count_leaks(sides, patient_N) == 2
    assert count_leaks({"train": np.array([5]), "val": np.array([0]), "test": np.array([1])}, patient_N) == 1


def _lists(folder: Path, **lists: str) -> IdListSplit:
    for name, text in lists.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8-sig")
    return IdListSplit(folder=str(folder))


def test_the_users_own_lists(tmp_path: Path) -> None:
    rule = _lists(tmp_path, train="id3\r\nid0\n\nid2\n", val="id1", test=" id4 \n", train_10="id2\n")
    images = _images([0, 1, 2, 3, 4])
    assert {split: rows.tolist() for split, rows in rule.assign(images).items()} == {
        "train": [0, 2, 3],
        "val": [1],
        "test": [4],
    }
    assert rule.subset(images, 0.1).tolist() == [2]
    assert rule.subset(images, 0.01) is None


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"train": "id0"}, r"no list .*val.txt; dataset.lists needs"),
        (
            {"train": "id0\nidX\nidY", "val": "id1", "test": "id2"},
            r"train.txt: 2 id\(s\) are not in the data set, the first is in line 2",
        ),
    ],
)
def test_lists_that_cannot_be_used(tmp_path: Path, lists: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        _lists(tmp_path, **lists).assign(_images([0, 1, 2]))
    assert "idX" not in str(caught.value)


def test_a_fraction_outside_train(tmp_path: Path) -> None:
    rule = _lists(tmp_path, train="id0", val="id1", test="id2", train_1="id0\nid1")
    with pytest.raises(UserError, match=r"train_1.txt holds 1 id\(s\) that are not in train.txt"):
        rule.subset(_images([0, 1, 2]), 0.01)
