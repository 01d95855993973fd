"""What stands above every table, word for word."""

import pytest
import torch

from src.core.case_keys import CaseKeys
from src.core.evaluated_model import EvaluatedModel
from src.tasks.heading import FEW, heading_of

RANDOM = EvaluatedModel(architecture="resnet10t", weights="random")


def _keys(patients: int, *, images: int, cases: int | None = None) -> CaseKeys:
    """``images`` dealt to ``patients`` in turn; the first image again for each of ``cases`` beyond."""
    row_N = torch.arange(cases or images).clamp(max=images - 1)
    return CaseKeys(row_N=row_N, group_N=row_N % patients, image_id_N=None)


def test_cases_data_set_and_weights_are_named() -> None:
    heading = heading_of(RANDOM, _keys(540, images=600), split="test", dataset="phantom", cases="images")
    assert heading.text == "600 test images of 540 patients, phantom; resnet10t, random weights"
    assert heading.notes == ()
    alone = heading_of(RANDOM, _keys(1200, images=1200), split="test", dataset="phantom", cases="studies")
    assert alone.title == "1,200 test studies, phantom; resnet10t, random weights"


def test_phrases_are_counted_with_their_images() -> None:
    heading = heading_of(RANDOM, _keys(100, images=150, cases=400), split="test", dataset="ms_cxr", cases="phrases")
    assert heading.cases == "400 phrases of 150 test images of 100 patients, ms_cxr"


@pytest.mark.parametrize("patients", [12, FEW - 1])
def test_few_patients_are_said_however_many_images_they_have(patients: int) -> None:
    heading = heading_of(RANDOM, _keys(patients, images=1000), split="test", dataset="own", cases="images")
    (note,) = heading.notes
    assert note.startswith(f"Few patients ({patients}, fewer than 100): ")
    # half the width of the normal 95 % interval of a share of one half
    assert f" up to {1.96 * (0.25 / patients) ** 0.5:.2f} to" in note
    assert not heading_of(RANDOM, _keys(FEW, images=1000), split="test", dataset="own", cases="images").notes


@pytest.mark.parametrize(("split", "said"), [("val", "300 validation images"), ("train", "300 training images")])
def test_a_split_that_is_not_held_out_is_said(split: str, said: str) -> None:
    heading = heading_of(RANDOM, _keys(300, images=300), split=split, dataset="own", cases="images")  # type: ignore[arg-type]
    assert heading.title.startswith(said)
    (note,) = heading.notes
    assert "is not held out" in note


def test_notes_stand_below_the_title() -> None:
    heading = heading_of(RANDOM, _keys(300, images=300), split="test", dataset="own", cases="images")
    assert heading.with_notes("one", "two").text.splitlines()[1:] == ["one", "two"]
