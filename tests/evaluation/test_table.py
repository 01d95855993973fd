"""The table of results."""

import json
from pathlib import Path

from src.evaluation.metric_name import MetricName
from src.evaluation.table import (
    is_reference,
    reference_columns,
    save_results,
    text_table,
    without_references,
)

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


def test_saved_files_are_strict_json_and_nothing_is_left_beside(tmp_path: Path):
    markdown, data = save_results(COLUMNS, tmp_path / "new", heading="2 test studies\nFew.", table=text_table(COLUMNS))

    def refuse(word: str):
        raise AssertionError(word)

    read = json.loads(data.read_text(), parse_constant=refuse)
    assert read["trained"]["retrieval/text_to_image_recall_at_10"] == 0.43219
    assert read["trained"]["retrieval/text_to_image_median_rank"] is None
    assert markdown.read_text() == f"2 test studies\n\nFew.\n\n```text\n{text_table(COLUMNS)}\n```\n"
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
    chance = reference_columns(measured)
    # nothing is known of a prior or a ceiling
    assert list(chance) == ["chance"]
    assert chance["chance"] == {
        "retrieval/image_to_text_recall_at_5": 0.01,
        "retrieval/text_to_image_median_rank": 250.5,
        "zero_shot/auroc_mean": 0.5,
        "zero_shot/auroc/edema": 0.5,
    }
    assert not any("chance" in name for name in without_references(measured))
    assert len(without_references(measured)) == 5


def test_a_prior_and_a_ceiling_are_columns_of_their_own():
    measured = {
        "grounding/pointing_game": 0.3,
        "grounding/pointing_game/edema": 0.2,
        "grounding/miou": 0.1,
        "grounding/chance_pointing_game": 0.05,
        "grounding/prior_pointing_game": 0.34,
        "grounding/prior_pointing_game/edema": 0.4,
        "grounding/prior_miou": 0.2,
        "grounding/ceiling_pointing_game": 0.9,
    }
    assert reference_columns(measured) == {
        "chance": {"grounding/pointing_game": 0.05},
        "prior": {"grounding/pointing_game": 0.34, "grounding/pointing_game/edema": 0.4, "grounding/miou": 0.2},
        "ceiling": {"grounding/pointing_game": 0.9},
    }
    assert [name for name in measured if not is_reference(MetricName.parse(name))] == list(without_references(measured))


def test_a_long_title_is_wrapped_over_its_column():
    columns = {"small_cnn, random weights": {"a/x": 0.5}, "chance": {"a/x": 0.25}}
    assert text_table(columns).splitlines()[:4] == [
        "     small_cnn,",
        "         random",
        "        weights  chance",
        "-----------------------",
    ]
