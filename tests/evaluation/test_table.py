"""The table of results."""

import json
from pathlib import Path

from src.evaluation.table import chance_column, markdown_table, save_results, text_table, without_chance

COLUMNS = {
    "untrained": {"retrieval/text_to_image_recall_at_10": 0.02, "zero_shot/auroc/edema": 0.5},
    "trained": {
        "retrieval/text_to_image_recall_at_10": 0.43219,
        "zero_shot/auroc/edema": 0.9,
        "zero_shot/findings": 9,
        "retrieval/text_to_image_median_rank": float("nan"),
    },
}


def test_text():
    assert text_table(COLUMNS) == (
        "                               untrained  trained\n"
        "-------------------------------------------------\n"
        "retrieval\n"
        "  text to image, recall at 10      0.020    0.432\n"
        "  text to image median rank            –        –\n"
        "zero shot\n"
        "  AUROC of edema                   0.500    0.900\n"
        "  findings                             –        9\n"
        "-------------------------------------------------"
    )


def test_markdown():
    lines = markdown_table(COLUMNS).splitlines()
    assert lines[:3] == [
        "| metric | untrained | trained |",
        "|---|---:|---:|",
        "| retrieval: text to image, recall at 10 | 0.020 | 0.432 |",
    ]
    assert len({line.count("|") for line in lines}) == 1


def test_saved_files_are_strict_json_and_nothing_is_left_beside(tmp_path: Path):
    markdown, data = save_results(COLUMNS, tmp_path / "new")

    def refuse(word: str):
        raise AssertionError(word)

    read = json.loads(data.read_text(), parse_constant=refuse)
    assert read["trained"]["retrieval/text_to_image_recall_at_10"] == 0.43219
    assert read["trained"]["retrieval/text_to_image_median_rank"] is None
    assert markdown.read_text() == markdown_table(COLUMNS) + "\n"
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"results.md", "results.json"}


def test_chance():
    measured = {
        "retrieval/image_to_text_recall_at_5": 0.3,
        "retrieval/text_to_image_median_rank": 3.0,
        "retrieval/chance_recall_at_5": 0.01,
        "retrieval/chance_median_rank": 250.5,
        "zero_shot/auroc_mean": 0.8,
        "zero_shot/auroc/edema": 0.9,
        "zero_shot/findings": 1,
    }
    assert chance_column(measured) == {
        "retrieval/image_to_text_recall_at_5": 0.01,
        "retrieval/text_to_image_median_rank": 250.5,
        "zero_shot/auroc_mean": 0.5,
        "zero_shot/auroc/edema": 0.5,
    }
    assert not any("chance" in name for name in without_chance(measured))
    assert len(without_chance(measured)) == 5
