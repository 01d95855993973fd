"""Tables as users bring them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.core.errors import UserError
from src.data.row_checks import read_numbers
from src.data.tables import read_labels, read_table, require_columns, require_values


def _write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    frame = read_table(_write(tmp_path / "a.csv", "image,report\na.png,text\n", "utf-8-sig"))
    assert list(frame.columns) == ["image", "report"]


def test_parquet_and_csv_read_alike(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2], "report": ["a b", None], "edema": [1.0, np.nan], "ok": [True, False]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.csv.gz", index=False)
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "a.parquet")
    expected = [["1", "a b", "1.0", "True"], ["2", "", "", "False"]]
    for name in ("a.csv", "a.csv.gz", "a.tsv", "a.parquet"):
        assert read_table(tmp_path / name).to_numpy().tolist() == expected


def test_parquet_reads_as_the_csv_of_the_same_table(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "id": ["001", "2", "A 3"],
            "count": pd.array([1, None, 3], dtype="Int64"),
            "as_float": [1.0, np.nan, 3.5],
            "flag": pd.array([True, None, False], dtype="boolean"),
            "day": pd.to_datetime(["2020-01-02", None, "2021-03-04"]),
            "moment": pd.to_datetime(["2020-01-02 03:04:05", None, "2021-03-04 00:00:00"]),
            "kind": pd.Categorical(["None", None, "NA"]),
            "mixed": [True, None, False],
            "report": ["a\nb", " c ", None],
        }
    )
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    tables = [read_table(tmp_path / name) for name in ("a.csv", "a.parquet")]
    assert tables[0].to_numpy().tolist() == tables[1].to_numpy().tolist()
    assert tables[0].T.to_numpy().tolist() == [
        ["001", "2", "A 3"],
        ["1", "", "3"],
        ["1.0", "", "3.5"],
        ["True", "", "False"],
        ["2020-01-02", "", "2021-03-04"],
        ["2020-01-02 03:04:05", "", "2021-03-04 00:00:00"],
        ["None", "", "NA"],
        ["True", "", "False"],
        ["a\nb", "c", ""],
    ]


def test_a_named_index_of_a_parquet_file_is_a_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"report": ["x", "y"]}, index=pd.Index(["1.png", "2.png"], name="image"))
    frame.to_csv(tmp_path / "a.csv")
    frame.to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        table = read_table(tmp_path / name)
        assert (list(table.columns), table["image"].tolist()) == (["image", "report"], ["1.png", "2.png"])


def test_words_for_nothing_are_values_unless_they_are_the_owners_blanks(tmp_path: Path) -> None:
    words = ["None", "NA", "null", "nan", "N/A", "NaN"]
    path = _write(tmp_path / "a.csv", "finding,x\n" + "".join(f"{word},1\n" for word in words) + ",1\n")
    assert read_table(path)["finding"].tolist() == [*words, ""]
    assert read_table(path, blanks=["NA", "None"])["finding"].tolist() == ["", "", "null", "nan", "N/A", "NaN", ""]


def test_cells_lose_the_blanks_around_them(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", "patient,x\nP1,1\nP1 ,1\n\tP1,1\n\u00a0P1\u200b,1\n\ufeffP1,1\n")
    assert read_table(path)["patient"].tolist() == ["P1"] * 5


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"image,report\n", "header but no rows"),
        ("a.csv", "image,report\na.png,\u00e9".encode("latin-1"), "not UTF-8"),
        ("a.csv", b"image,report\na.png,x\na,b,c,d\n", "damaged.*line 3"),
        ("a.csv.gz", b"no gzip at all", "damaged"),
        ("a.parquet", b"no parquet at all", "damaged"),
        ("a.xlsx", b"PK", "neither"),
        ("a.csv", None, "is not there"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=reason) as caught:
        read_table(tmp_path / name)
    assert name in str(caught.value)


def test_a_lacking_column_is_named_with_the_nearest_and_all(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", "img,reports,patient\nx,y,z\n")
    with pytest.raises(UserError, match=r"'report' \(dataset\.report_column\).*'reports'.*img, reports, patient"):
        require_columns(read_table(path), path, {"dataset.report_column": "report"})


def test_a_blank_cell_is_named(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", "patient,x\np,1\n ,2\n,3\n")
    with pytest.raises(UserError, match=r"2 row\(s\).*'patient'.*row 2"):
        require_values(read_table(path), path, "patient")


@pytest.mark.parametrize(("uncertain", "expected"), [("unknown", np.nan), ("absent", 0.0), ("present", 1.0)])
def test_labels(tmp_path: Path, uncertain: str, expected: float) -> None:
    path = _write(tmp_path / "a.csv", "edema,x\n1,a\n0.0,a\n,a\n-1.0,a\n-1,a\nTrue,a\n")
    label_NF = read_labels(read_table(path), path, ["edema"], uncertain)
    assert label_NF.dtype == np.float32
    np.testing.assert_array_equal(label_NF[:, 0], np.array([1, 0, np.nan, expected, expected, 1], dtype=np.float32))


def test_words_for_nothing_are_unknown_labels(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", "edema,x\nNA,a\nnan,a\nNone,a\nnull,a\n<NA>,a\nTRUE,a\nfalse,a\n")
    label_NF = read_labels(read_table(path), path, ["edema"], "unknown")
    np.testing.assert_array_equal(label_NF[:, 0], np.array([np.nan] * 5 + [1, 0], dtype=np.float32))
    np.testing.assert_array_equal(read_numbers(read_table(path).iloc[:5], path, ["edema"]), np.full((5, 1), np.nan))


def test_a_wrong_label_is_named_but_not_quoted(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.csv", "edema,mass\n1,1\n0,Miller\n1,2\n")
    with pytest.raises(UserError, match=r"a\.csv, row 2, column 'mass'.*2 row\(s\)") as caught:
        read_labels(read_table(path), path, ["edema", "mass"], "unknown")
    assert "Miller" not in str(caught.value)
