"""``task=retrieve`` through the entrypoint: what it leaves, what it says, what it refuses."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from src.core.errors import UserError
from src.evaluation.cases import Values, load_cases
from src.evaluation.estimate import Estimate
from src.evaluation.records import read_records
from src.tasks.retrieve import check_ks, notes

RETRIEVE = ("task=retrieve", "task.resamples=20")


def test_it_leaves_its_figures_and_every_query(run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path):
    answer = run_cli(*tiny, *RETRIEVE, "task.ks=[1,3]")
    assert answer.code == 0, answer.err
    assert "16 test studies, phantom; vit_tiny_patch16_224, random weights" in answer.out
    assert "image to text, recall at 3" in answer.out
    (path,) = (tmp_path / "outputs").rglob("records.json")
    (record,) = read_records(path.parent)
    cases = load_cases(path.parent / record.cases["retrieval"])
    assert isinstance(cases, Values)
    assert cases.value_NM.shape == (16, 10)
    mean = cases.value_NM.nanmean(dim=0)
    for name, value in zip(cases.names, mean.tolist(), strict=True):
        figure = record.figures[f"retrieval/{name}"]
        assert isinstance(figure, Estimate)
        assert figure.value == pytest.approx(value)
        assert figure.low <= figure.value <= figure.high
    median = record.figures["retrieval/text_to_image_median_rank"]
    assert isinstance(median, Estimate)
    assert median.low <= median.value <= median.high
    assert record.figures["retrieval/chance_recall_at_3"] == pytest.approx(3 / 16)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.ks=[1,17]", "task.ks asks for the first 17, but the test split has 16 studies"),
        ("dataset.test=0", "the test split has no study to judge on"),
    ],
)
def test_what_it_refuses(run_cli: Callable, tiny: tuple[str, ...], override: str, message: str):
    answer = run_cli(*tiny, *RETRIEVE, override)
    assert answer.code != 0
    assert message in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("ks", [[], [0], [5, -1]])
def test_numbers_of_results_that_are_none(ks: list[int]):
    with pytest.raises(UserError, match=r"task\.ks is \[.*\], but needs at least one number, and each at least 1"):
        check_ks(ks, 16, "test")


def test_reports_that_say_little_are_named():
    def data(captions: list[str], **source: object) -> SimpleNamespace:
        return SimpleNamespace(source=SimpleNamespace(**source), captions=lambda _split: captions)

    assert notes(data(["a", "b"]), "test") == []
    assert notes(data(["a", "b"], packed=SimpleNamespace(reports="own")), "test") == []
    (made,) = notes(data(["a", "b"], packed=SimpleNamespace(reports="labels")), "test")
    assert "sentences made of the labels" in made
    (shared,) = notes(data(["a", "b", "a", "c", "b", "a"]), "test")
    assert shared.startswith("5 of 6 reports have the very words of another study's")
