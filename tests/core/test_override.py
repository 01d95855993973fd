"""Settings that are printed are read back as they were meant, through a shell and through Hydra."""

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from src.core.override import list_override


def _read(text: str) -> tuple[str, list[str]]:
    (word,) = shlex.split(text)
    override = OverridesParser.create().parse_override(word)
    return override.key_or_group, [str(value) for value in override.value()]


@pytest.mark.parametrize(
    "values",
    [
        ["train", "Training"],
        ["", "1", "0.5", "true", "null", "nan", "None"],
        ["hold out", "Prüfung", "a,b", "[x]", "a=b", "it's", 'say "x"', "a\\b", "end\\", '\\"', "{a:b}", "~x"],
    ],
)
def test_every_value_comes_back(values: list[str]) -> None:
    assert _read(list_override("dataset.split_values.test", values)) == ("dataset.split_values.test", values)


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8), min_size=1, max_size=4))
def test_any_text_comes_back(values: list[str]) -> None:
    if not any("${" in value for value in values):
        assert _read(list_override("a.b", values)) == ("a.b", values)


def test_plain_words_stand_unquoted() -> None:
    assert list_override("a.b", ["test", "hold-out"]) == "'a.b=[test,hold-out]'"
