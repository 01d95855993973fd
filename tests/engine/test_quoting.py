"""Quotes that Hydra and a shell read as the very text; Hydra's parser and a real shell are the judges."""

import shlex
import subprocess
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from src.engine.quoting import as_typed, quoted_list, quoted_text, readable_word, requoted

PATHS = [
    "/d/Röntgen/p.csv",
    "/d/a=b.csv",
    "/d/a(1).csv",
    "/d/O'Neil.csv",
    '/d/the "best".csv',
    "/d/a b.csv",
    "/d/a#1.csv",
    "/d/a:b.csv",
    "/d/a;b&c.csv",
    "/d/[1]/{2}.csv",
    "C:\\Daten\\Größe.csv",
    "/d/患者.csv",
    "Größe",
]


def _read(word: str) -> object:
    return OverridesParser.create().parse_override(word).value()


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_taken_as_it_is_typed(path: str) -> None:
    assert _read(readable_word(f"dataset.table={path}")) == path


@pytest.mark.parametrize("path", [*PATHS, "/d/a,b.csv", "1", "true", "null", "a\\"])
def test_the_printed_word_works_in_a_shell_and_in_hydra(path: str) -> None:
    handed_on = subprocess.run(["sh", "-c", f"printf %s {requoted(f'x.y={path}')}"], capture_output=True, text=True)
    assert _read(handed_on.stdout) == path


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(lambda text: "$" not in text))
def test_any_text_comes_back(text: str) -> None:
    if text.startswith(("[", "{")):
        return
    quoted = quoted_text(f"x={text}")
    assert quoted is not None
    assert _read(quoted) == text
    assert shlex.split(requoted(f"x={text}"))[0] in (quoted, quoted_list(f"x={text}"))


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/Jörg")
    assert _read(readable_word("dataset.table=~/p.csv")) == "/home/Jörg/p.csv"
    assert _read(readable_word('dataset.table="~/p.csv"')) == str(Path("/home/Jörg/p.csv"))


@pytest.mark.parametrize("word", ["seed=1", "~seed", "loss=[ita,cta]", "x={a:1}", "x=${seed}", "+a.b=null", "x='a b'"])
def test_what_hydra_reads_stays(word: str) -> None:
    assert readable_word(word) == word


def test_numbers_of_a_list_become_text_as_they_are_typed() -> None:
    assert requoted("dataset.category_values=[0,001]") == """'dataset.category_values=["0","001"]'"""
    assert _read(readable_word("x=[Herz groß,1]")) == ["Herz groß", 1]


def test_values_are_printed_as_they_are_typed() -> None:
    assert as_typed({"a": [None, True, 1.5, "b"]}) == "{a:[null,true,1.5,b]}"
