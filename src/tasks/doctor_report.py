"""The doctor's report as text for a terminal, as Markdown and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from textwrap import wrap

from src.data.health.check import Check
from src.data.health.facts import Cell, Facts

_ADVICE_WIDTH = 100


@dataclass(frozen=True, kw_only=True)
class DoctorReport:
    """All that the doctor has to say of one data set."""

    name: str
    title: str
    version: str
    notes: tuple[str, ...]
    looked_at: tuple[str, ...]
    facts: Sequence[Facts]
    checks: Sequence[Check]

    def count(self, state: str) -> int:
        """How many checks came out so."""
        return sum(check.state == state for check in self.checks)

    @property
    def verdict(self) -> str:
        """The whole in one sentence."""
        problems, warnings = self.count("problem"), self.count("warning")
        if not problems and not warnings:
            return f"All {len(self.checks)} checks are well."
        return f"{problems} problem(s), {warnings} warning(s), {self.count('ok')} checks well."


def as_text(report: DoctorReport) -> str:
    """For a terminal: numbers aligned at the right, each warning and problem with what to do below it."""
    lines = [report.title, report.version, *(f"  {line}" for line in [*report.looked_at, *report.notes])]
    for facts in report.facts:
        lines += ["", facts.title, *_aligned(facts.header, facts.rows)]
    width = max((len(check.name) for check in report.checks), default=0)
    lines += ["", "Checks"]
    for check in report.checks:
        lines.append(f"  {check.state.ljust(7)}  {check.name.ljust(width)}  {check.number:>7,}")
        lines += [f"           {line}" for line in wrap(_advice(check), _ADVICE_WIDTH)]
    return "\n".join([*lines, "", report.verdict])


def as_markdown(report: DoctorReport) -> str:
    """The same, for a file."""
    lines = [f"# {report.title}: {report.name}", "", report.version, ""]
    lines += [f"- {line}" for line in [*report.looked_at, *report.notes]]
    lines += [
        "",
        f"**{report.verdict}**",
        "",
        "## Checks",
        "",
        "| | check | number | what to do |",
        "|---|---|---:|---|",
    ]
    for check in report.checks:
        state = check.state if check.state == "ok" else f"**{check.state}**"
        lines.append(f"| {state} | {_safe(check.name)} | {check.number:,} | {_safe(_advice(check))} |")
    for facts in report.facts:
        rule = "|".join(["---", *["---:"] * (len(facts.header) - 1)])
        lines += ["", f"## {facts.title}", "", f"| {' | '.join(facts.header)} |", f"|{rule}|"]
        lines += [f"| {' | '.join(_safe(_shown(cell)) for cell in row)} |" for row in facts.rows]
    if report.facts:
        lines += ["", "## Samples", "", "![samples with their boxes and masks](pictures/doctor.png)"]
    return "\n".join(lines) + "\n"


def as_json(report: DoctorReport) -> str:
    """The same, for programs."""
    return json.dumps(asdict(report), indent=2, ensure_ascii=False) + "\n"


def _advice(check: Check) -> str:
    if not check.rows:
        return check.advice
    more = " ..." if check.number > len(check.rows) else ""
    return f"{check.advice} (row{'s' if len(check.rows) > 1 else ''} {', '.join(map(str, check.rows))}{more})"


def _aligned(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[str]:
    cells = [list(header), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _shown(cell: Cell) -> str:
    return f"{cell:,}" if isinstance(cell, int | float) else cell


def _safe(text: str) -> str:
    return text.replace("|", r"\|")
