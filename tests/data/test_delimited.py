"""Tables as programs write them: separators, encodings, line ends, and rows that do not fit their header."""

from pathlib import Path

import pytest

from src.core.errors import UserError
from src.data.tables import read_header, read_table

ROWS = [["ä", "2,5", "x y"]]


def _rows(folder: Path, content: bytes, name: str = "a.csv") -> list[list[str]]:
    path = folder / name
    path.write_bytes(content)
    frame = read_table(path)
    assert list(frame.columns) == ["a", "b", "c"]
    assert read_header(path) == ["a", "b", "c"]
    return frame.to_numpy().tolist()


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "text",
    [
        'a,b,c|ä,"2,5",x y|',
        "a;b;c|ä;2,5;x y|",
        "a\tb\tc|ä\t2,5\tx y",
        "sep=;|a;b;c|ä;2,5;x y|",
        "sep=\t|a\tb\tc|ä\t2,5\tx y|",
        # blanks around cells and names, a separator at the end of every row, blank lines
        " a ;b; c| ä ;2,5; x y;||",
    ],
)
def test_one_table_in_many_forms(tmp_path: Path, text: str, encoding: str, ending: str) -> None:
    assert _rows(tmp_path, text.replace("|", ending).encode(encoding)) == ROWS


def test_big_endian_utf_16_with_its_mark(tmp_path: Path) -> None:
    assert _rows(tmp_path, b"\xfe\xff" + "a;b;c\r\nä;2,5;x y\r\n".encode("utf-16-be")) == ROWS


def test_marks_inside_quotes_are_no_separators(tmp_path: Path) -> None:
    assert _rows(tmp_path, b'a,b,c\n"1;2;3","4\tx","p\r\nq, ""r"""\n') == [["1;2;3", "4\tx", 'p\r\nq, "r"']]


def test_short_rows_end_in_blanks(tmp_path: Path) -> None:
    assert _rows(tmp_path, b"a,b,c\n1\n1,2,3\n") == [["1", "", ""], ["1", "2", "3"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a,b,c\n1,2,3,4\n1,2,3\n", r"row 1 \(line 2\) has 4 cells, but the header names 3 columns, and 1 row"),
        ('a,b,c\n1,2,3\n\n1,"x\ny",3,4\n1,2,3,4\n', r"row 2 \(line 5\) has 4 cells.*and 2 row"),
        ("a,b,c\n" + "1,2,3,4\n" * 5, r"row 1 \(line 2\).*5 row"),
        # every row is longer, most of them by blank cells alone
        ("a,b,c\n1,2,3,\n1,2,3,4\n", r"row 2 \(line 3\)"),
        ("a,b,c\n1,2,3,,5\n1,2,3\n", r"row 1 \(line 2\) has 5 cells"),
        ("a,b,c\n" + "1,2,3\n" * 3 + "1,2,3,4,5\n", r"row 4 \(line 5\) has 5 cells"),
        ("sep=;\na;b;c\n1;2;3;4\n", r"row 1 \(line 3\).*a semicolon"),
        ("a,b,c\n" + "1,2,3\n" * 200_000 + "1,2,3,4\n", r"row 200001 \(line 200002\)"),
    ],
)
def test_rows_longer_than_the_header_are_named(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=rf"a\.csv is damaged: {found}"):
        read_table(path)


def test_two_hundred_thousand_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a;b;c\r\n" + b"".join(f"{i};ü{i};x\r\n".encode() for i in range(200_000)))
    frame = read_table(path)
    assert len(frame) == 200_000
    assert frame.iloc[-1].tolist() == ["199999", "ü199999", "x"]


def test_text_of_another_encoding_and_an_open_quote_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for content, reason in (("a,b\nä,1\n".encode("latin-1"), "not UTF-8"), (b'a,b\n1,"x\n2,3\n', "damaged.*EOF")):
        path.write_bytes(content)
        with pytest.raises(UserError, match=reason):
            read_table(path)
