"""Durations and counts in words."""

import pytest

from src.core.durations import about, duration, large


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "under 1 s"), (45.4, "45 s"), (60, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (273600, "3 d 4 h")],
)
def test_a_duration_has_two_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(31, "40 s"), (61, "1 min"), (250, "4 min"), (7790, "2 h 10 min"), (40000, "11 h")]
)
def test_a_remaining_time_is_coarse(seconds: float, words: str) -> None:
    assert about(seconds) == words


@pytest.mark.parametrize(("count", "words"), [(812, "812"), (4100, "4.1 k"), (694_321, "694 k"), (85_800_000, "86 M")])
def test_a_count_has_a_unit(count: int, words: str) -> None:
    assert large(count) == words
