"""Every list of {impression, findings, caption} below ``--golden DIR``: captions to the letter."""

import json
from pathlib import Path
from typing import Any

import pytest

from src.data.report import caption, caption_of_report

_KEYS = {"impression", "findings", "caption"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "captions_file" in metafunc.fixturenames:
        files = sorted(Path(metafunc.config.getoption("--golden")).rglob("*.json"))
        found = [file for file in files if _is_captions(json.loads(file.read_text(encoding="utf-8")))]
        absent = pytest.param(None, marks=pytest.mark.skip(reason="no list of captions below --golden"))
        metafunc.parametrize("captions_file", found or [absent], ids=lambda file: getattr(file, "name", "absent"))


def _is_captions(content: Any) -> bool:
    return (
        isinstance(content, list) and bool(content) and all(isinstance(r, dict) and r.keys() >= _KEYS for r in content)
    )


def test_published_captions_to_the_letter(captions_file: Path) -> None:
    records = json.loads(captions_file.read_text(encoding="utf-8"))
    wrong = [
        position
        for position, record in enumerate(records)
        if caption(record["impression"] or "", record["findings"] or "", "published") != record["caption"]
    ]
    assert not wrong


def test_captions_survive_the_way_through_a_report_with_headings(captions_file: Path) -> None:
    records = json.loads(captions_file.read_text(encoding="utf-8"))
    wrong = [
        position
        for position, record in enumerate(records)
        if caption_of_report(_as_report(record), "published") != record["caption"]
    ]
    assert not wrong


def _as_report(record: dict[str, str]) -> str:
    sections = ("FINAL REPORT", f"FINDINGS:\n\n {record['findings']}", f"IMPRESSION: {record['impression']}")
    return "\n\n ".join(sections)
