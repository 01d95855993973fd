"""No group on two sides, whatever the table."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.core.errors import UserError
from src.data.grouped_split import draw_val, refuse_leaks, split_by_column, split_by_fractions

NAMES = {"train": ["train"], "val": ["validate", "test"], "test": ["test"]}


@given(
    st.lists(st.integers(0, 20).map(str), min_size=1, max_size=60),
    st.integers(0, 5),
    st.floats(0, 0.5),
    st.floats(0, 0.4),
)
def test_every_row_lies_in_one_split_and_every_group_too(groups: list[str], seed: int, val: float, test: float) -> None:
    splits = split_by_fractions(groups, val=val, test=test, seed=seed)
    assert sorted(np.concatenate(list(splits.values())).tolist()) == list(range(len(groups)))
    held = [{groups[i] for i in positions} for positions in splits.values()]
    assert sum(map(len, held)) == len(set(groups))


def test_fractions_are_reached_and_seeds_matter() -> None:
    groups = [str(i // 2) for i in range(1000)]
    first = split_by_fractions(groups, val=0.1, test=0.2, seed=1)
    assert (len(first["val"]), len(first["test"])) == (100, 200)
    again = split_by_fractions(groups, val=0.1, test=0.2, seed=1)
    other = split_by_fractions(groups, val=0.1, test=0.2, seed=2)
    np.testing.assert_array_equal(first["test"], again["test"])
    assert not np.array_equal(first["test"], other["test"])


def test_the_order_of_rows_and_the_val_fraction_leave_the_test_groups_alone() -> None:
    groups = [str(i // 3) for i in range(300)]
    forward = split_by_fractions(groups, val=0.1, test=0.2, seed=1)["test"]
    backward = split_by_fractions(groups[::-1], val=0.3, test=0.2, seed=1)["test"]
    assert {groups[i] for i in forward} == {groups[::-1][i] for i in backward}


def test_a_value_may_stand_for_two_splits() -> None:
    splits = split_by_column(["train", "validate", "test", "train"], NAMES, path=Path("t.csv"), column="split")
    assert {name: rows.tolist() for name, rows in splits.items()} == {"train": [0, 3], "val": [1, 2], "test": [2]}


def test_an_unknown_value_is_named_by_row() -> None:
    with pytest.raises(UserError, match=r"t\.csv, row 2, column 'split'"):
        split_by_column(["train", "holdout"], NAMES, path=Path("t.csv"), column="split")


def test_unknown_values_are_counted_with_the_settings_that_map_them() -> None:
    values = ["train", "Training", "held out", "Training", "", "train"]
    with pytest.raises(UserError) as caught:
        split_by_column(values, NAMES, path=Path("t.csv"), column="split")
    assert str(caught.value) == (
        "the table t.csv, row 2, column 'split': 4 row(s) hold a value that stands for no split: Training (2), "
        "held out (1), (blank) (1). Give each to a split, for example with "
        "'dataset.split_values.train=[train,Training]' 'dataset.split_values.test=[test,\"held out\",\"\"]'"
    )


def test_values_that_may_be_ids_are_not_printed() -> None:
    with pytest.raises(UserError, match=r"11 different ones; .*dataset\.split_column") as caught:
        split_by_column([f"Miller{i}" for i in range(11)], NAMES, path=Path("t.csv"), column="patient")
    assert "Miller" not in str(caught.value)


def test_a_patient_on_two_sides_is_counted_and_not_named() -> None:
    positions = {"train": np.array([0, 1]), "val": np.array([2]), "test": np.array([3])}
    with pytest.raises(UserError, match=r"t\.csv: 2 patient") as caught:
        refuse_leaks(positions, ["Miller", "Jones", "Miller", "Jones"], Path("t.csv"))
    assert "Miller" not in str(caught.value)
    refuse_leaks(positions, ["Miller", "Jones", "Smith", "Smith"], Path("t.csv"))


def test_val_is_drawn_from_train_in_whole_groups() -> None:
    groups = [str(i // 2) for i in range(40)]
    positions = {"train": np.arange(30), "val": np.array([], dtype=int), "test": np.arange(30, 40)}
    draw_val(positions, groups, fraction=0.2, seed=1)
    assert len(positions["val"]) == 6
    assert sorted([*positions["train"], *positions["val"]]) == list(range(30))
    assert not {groups[i] for i in positions["val"]} & {groups[i] for i in positions["train"]}
    assert positions["test"].tolist() == list(range(30, 40))
