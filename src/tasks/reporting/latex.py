"""The table in LaTeX: an environment with caption, label, short grouped heads, and one block of notes."""

import re
from collections.abc import Sequence
from itertools import groupby

from src.evaluation.metric_name import MetricName
from src.tasks.reporting.axes import value_label
from src.tasks.reporting.cells import Column, Table
from src.tasks.reporting.metrics import metric_label, short_label
from src.tasks.reporting.notes import difference_lines, notes
from src.tasks.reporting.render import body, published_beside

_SIGNS = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    '"': "''",
    "±": r"$\pm$",
    "×": r"$\times$",
    "→": r"$\rightarrow$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "−": "$-$",
    "<": "$<$",
    ">": "$>$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "·": r"$\cdot$",
    "µ": r"$\mu$",
    "μ": r"$\mu$",
    "°": r"$^{\circ}$",
    "\N{NO-BREAK SPACE}": "~",
}
_NARROW = 5
_READING = {
    "I→T": "I→T finds the report of an image, T→I the image of a report.",
    "R@": "R@k is the recall among the first k.",
}


def latex(table: Table, *, name: str, data: str) -> str:
    """The table, and the differences from its baseline as a second one, for the package booktabs.

    ``name``: of the sweep, for the labels. ``data``: what the figures are of, for the caption; may be empty.
    """
    beside = published_beside(table)
    grouped = [column for column, both in zip(table.columns, beside, strict=True) for _ in range(1 + both)]
    heads = _sub_heads(table)
    of = f" on {data}" if data else ""
    reading = [text for sign, text in _READING.items() if any(sign in head for head in heads)]
    parts = [
        "% needs \\usepackage{booktabs}; \\usepackage[T1]{fontenc} for accented letters in pdflatex",
        _environment(
            _head(table, grouped, heads),
            _rows(body(table, lambda text: rf"\textbf{{{text}}}", escaped, star="$^{*}$")),
            columns=len(heads),
            caption=f"Results{of}.",
            label=f"tab:{_label(name)}",
            below=[*notes(table), *reading],
        ),
    ]
    if table.baseline is not None and any(groups := difference_lines(table)):
        parts.append(
            _environment(
                [r" & difference & 95 \% interval & p & seeds \\"],
                _grouped_rows(groups),
                columns=4,
                caption=f"Differences from {table.baseline.label}{of}.",
                label=f"tab:{_label(name)}-differences",
                below=[],
            )
        )
    return "\n\n".join(parts)


def escaped(text: str) -> str:
    """Text that LaTeX prints as it is; line breaks become blanks."""
    return "".join(_SIGNS.get(sign, sign) for sign in " ".join(text.splitlines()))


def _environment(
    head: Sequence[str], rows: Sequence[str], *, columns: int, caption: str, label: str, below: Sequence[str]
) -> str:
    """A floating table; of more than five columns it spans both columns of a page that has two."""
    kind = "table*" if columns > _NARROW else "table"
    lines = [
        rf"\begin{{{kind}}}[t]",
        r"\centering",
        rf"\caption{{{escaped(caption)}}}",
        rf"\label{{{label}}}",
        r"\small",
        rf"\begin{{tabular}}{{@{{}}l{'r' * columns}@{{}}}}",
        r"\toprule",
        *head,
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if below:
        lines += [
            r"\par\smallskip",
            r"\begin{minipage}{\linewidth}\footnotesize\raggedright",
            *map(escaped, below),
            r"\end{minipage}",
        ]
    return "\n".join([*lines, rf"\end{{{kind}}}"])


def _rows(lines: Sequence[Sequence[str]]) -> list[str]:
    """Cells joined to rows. A bracket or a star at a row's start would be read as an argument of the row before."""
    return [("{}" if line[0][:1] in ("[", "*") else "") + " & ".join(line) + r" \\" for line in lines]


def _grouped_rows(groups: Sequence[tuple[str, Sequence[Sequence[str]]]]) -> list[str]:
    """The differences, those of one column below its name."""
    rows: list[str] = []
    for name, lines in groups:
        rows += [r"\addlinespace"] if rows else []
        rows.append(rf"\multicolumn{{5}}{{@{{}}l}}{{\emph{{{escaped(name)}}}}} \\")
        rows += _rows([[escaped(text) for text in line] for line in lines])
    return rows


def _head(table: Table, columns: Sequence[Column], heads: Sequence[str]) -> list[str]:
    """Two lines of heads with a rule below each group: what is measured, and what tells its columns apart."""
    groups = [(name, len(list(members))) for name, members in groupby(columns, lambda column: _group(table, column))]
    cells, rules, first = [""], [], 2
    for name, count in groups:
        cells.append(rf"\multicolumn{{{count}}}{{c}}{{{escaped(name)}}}")
        rules.append(rf"\cmidrule(lr){{{first}-{first + count - 1}}}")
        first += count
    return [" & ".join(cells) + r" \\", "".join(rules), " & ".join(["", *map(escaped, heads)]) + r" \\"]


def _group(table: Table, column: Column) -> str:
    if table.axes.columns is not None:
        return metric_label(column.metric, short=True)
    return MetricName.parse(column.metric).group.replace("_", " ")


def _sub_head(table: Table, column: Column) -> str:
    return short_label(column.metric) if table.axes.columns is None else value_label(table.axes.columns, column.value)


def _sub_heads(table: Table) -> list[str]:
    """The second line of heads, with the columns of published figures."""
    heads = []
    for column, beside in zip(table.columns, published_beside(table), strict=True):
        heads += [_sub_head(table, column), *(["published"] if beside else [])]
    return heads


def _label(name: str) -> str:
    """A name that ``\\label`` takes: letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "results"
