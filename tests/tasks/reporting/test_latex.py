"""The table in LaTeX: what a paper's source takes as it is. No engine is needed: its rules are checked here."""

import re
from pathlib import Path

import pytest

from src.tasks.reporting.latex import escaped
from tests.tasks.made_sweeps import MadeJob, hits_job, make_report, write_sweep

_COMMANDS = {
    *("begin", "end", "centering", "caption", "label", "small", "toprule", "midrule", "bottomrule", "cmidrule"),
    *("multicolumn", "textbf", "emph", "addlinespace", "par", "smallskip", "linewidth", "footnotesize", "raggedright"),
    *("pm", "times", "rightarrow", "geq", "leq", "dag", "ddag", "cdot", "mu", "circ", "dots"),
    *("textbackslash", "textasciitilde", "textasciicircum", "textbar"),
}


def check_latex(text: str) -> list[list[str]]:
    """Assert that environments and braces close, rows are full and signs escaped; the rows of the tables, as cells."""
    source = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", source):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    plain = re.sub(r"\\[&%$#_{}\\]", "", source)
    depth = 0
    for sign in plain:
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    assert depth == 0
    assert plain.count("$") % 2 == 0
    outside = re.sub(r"\$[^$]*\$", "", plain)
    assert not set("#%~^_") & set(re.sub(r"\\label\{[^}]*\}", "", outside))
    assert set(re.findall(r"\\([A-Za-z]+)", plain)) <= _COMMANDS
    rows = []
    for spec, body in re.findall(r"\\begin\{tabular\}\{@\{\}(l?r*)@\{\}\}(.*?)\\end\{tabular\}", source, re.DOTALL):
        for line in body.splitlines():
            if line.endswith(r" \\"):
                cells = re.split(r"(?<!\\)&", line.removesuffix(r" \\"))
                spans = [re.match(r"\s*\\multicolumn\{(\d+)\}", cell) for cell in cells]
                assert sum(int(span[1]) if span else 1 for span in spans) == len(spec)
                assert not line.startswith(("[", "*"))
                rows.append([cell.strip() for cell in cells])
    return rows


def _report(folder: Path, jobs: list[MadeJob], **settings: object) -> str:
    sweep = write_sweep(folder, jobs)
    make_report(sweep, **settings)
    return (sweep / "report" / "report.tex").read_text(encoding="utf-8")


def test_a_table_with_caption_label_and_one_block_of_notes(tmp_path: Path) -> None:
    jobs = [hits_job({"loss": loss, "seed": s}, 0.5) for loss in (["ita"], ["ita", "cta"]) for s in (1, 2)]
    text = _report(tmp_path / "My_first sweep", jobs)
    rows = check_latex(text)
    assert rows[1:] == [["", "AUROC"], ["ITA", r"0.500 $\pm$ 0.000"], ["ITA + CTA", r"0.500 $\pm$ 0.000"]]
    assert rows[0] == ["", r"\multicolumn{1}{c}{classify}"]
    assert r"\label{tab:my-first-sweep}" in text
    assert r"\caption{Results.}" in text
    assert text.count(r"\footnotesize") == 1
    assert "Mean $\\pm$ sample standard deviation over 2 runs." in text


def test_heads_are_grouped_by_the_figure_where_a_key_makes_the_columns(tmp_path: Path) -> None:
    jobs = [
        hits_job({"weights": weights, "datamodule.fraction": fraction}, 0.5)
        for weights in ("random", "checkpoint")
        for fraction in (0.01, 0.1)
    ]
    text = _report(tmp_path / "s", jobs, columns="datamodule.fraction")
    rows = check_latex(text)
    assert rows[0] == ["", r"\multicolumn{2}{c}{classify: AUROC}"]
    assert r"\cmidrule(lr){2-3}" in text
    assert rows[1] == ["", r"1 \%", r"10 \%"]


def test_names_with_the_signs_of_latex(tmp_path: Path) -> None:
    wild = r"[a_b&c%#$x{y}~z^\|<µ"
    jobs = [hits_job({"checkpoint": f"runs/{name}", "seed": 1}, 0.5) for name in (wild, "plain")]
    text = _report(tmp_path / "s", jobs)
    rows = check_latex(text)
    named = rows[2][0]
    assert r"a\_b\&c\%\#\$x\{y\}\textasciitilde{}z\textasciicircum{}\textbackslash{}\textbar{}$<$$\mu$" in named


def test_a_label_in_brackets_is_no_argument_of_the_row_before(tmp_path: Path) -> None:
    jobs = [hits_job({"weights": name, "seed": 1}, 0.5) for name in ("[named]", "*")]
    rows = check_latex(_report(tmp_path / "s", jobs))
    assert [row[0] for row in rows[2:]] == ["{}[named]", "{}*"]


def test_stars_bold_and_the_differences_in_a_table_of_their_own(tmp_path: Path) -> None:
    jobs = [
        MadeJob(settings={"loss": loss, "seed": seed}, hits=[gain + 0.1 * (n % 7) + 0.001 * seed for n in range(40)])
        for loss, gain in ((["ita"], 0.0), (["ita", "cta"], 1.0))
        for seed in (1, 2, 3)
    ]
    text = _report(tmp_path / "s", jobs, baseline="ITA")
    rows = check_latex(text)
    assert any(cell.startswith(r"\textbf{") and cell.endswith("}$^{*}$") for row in rows for cell in row)
    assert text.count(r"\begin{table}") == 2
    assert r"\label{tab:s-differences}" in text
    (difference,) = [row for row in rows if len(row) == 5 and row[0] == "ITA + CTA"]
    assert difference[1] == "+1.000"
    assert difference[4] == "3"


def test_many_columns_span_the_page(tmp_path: Path) -> None:
    jobs = [hits_job({"datamodule.fraction": 0.1 * k}, 0.5) for k in range(1, 8)]
    text = _report(tmp_path / "s", jobs, columns="datamodule.fraction")
    check_latex(text)
    assert r"\begin{table*}" in text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("5 % & more", r"5 \% \& more"),
        ("two\nlines", "two lines"),
        ("a ≥ b × c → d", r"a $\geq$ b $\times$ c $\rightarrow$ d"),
    ],
)
def test_escape(text: str, written: str) -> None:
    assert escaped(text) == written
