"""Which data two runs were evaluated on: the same, or how many images and labels differ."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from src.core.case_keys import CaseKeys
from src.evaluation.cases import Cases, Scores, Values, load_cases, save_cases
from src.evaluation.detection import judge_detections
from src.evaluation.evaluated_data import DataDifference, EvaluatedData, content_digest
from tests.evaluation.made_detections import keys_of, made_images

KEYS = CaseKeys(row_N=torch.tensor([4, 5, 7]), group_N=torch.tensor([9, 9, 2]), image_id_N=["a", "b", "c"])
LABELS = torch.tensor([[1.0, 0.0], [0.0, torch.nan], [0.0, 1.0]], dtype=torch.float64)


def _scores(keys: CaseKeys = KEYS, label_NF: torch.Tensor = LABELS, names: tuple[str, ...] = ("x", "y")) -> Scores:
    score_NF = torch.rand(label_NF.shape, dtype=torch.float64)
    return Scores(
        keys=keys,
        names=names,
        score_NF=score_NF,
        label_NF=label_NF,
        exclusive=False,
        probabilities=True,
        threshold_F=None,
    )


def _values(truth: str | None) -> Values:
    return Values(keys=KEYS, names=("dice",), value_NM=torch.rand(3, 1, dtype=torch.float64), truth=truth)


def _changed(**columns: object) -> CaseKeys:
    return replace(KEYS, **columns)


def test_predictions_rows_and_patient_numbers_do_not_matter() -> None:
    ours = EvaluatedData.of(_scores())
    order = torch.tensor([2, 0, 1])
    others = [
        _scores(),
        # packed again: other rows, other numbers of the same patients
        _scores(_changed(row_N=torch.tensor([0, 1, 2]), group_N=torch.tensor([0, 0, 1]))),
        _scores(KEYS.take(order), LABELS[order]),
    ]
    assert [ours.same_as(EvaluatedData.of(other)) for other in others] == [True, True, True]


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (_scores(KEYS.take(torch.tensor([0, 2])), LABELS[[0, 2]]), DataDifference(1, 0, 2, 0, False, False)),
        (_scores(_changed(image_id_N=["a", "b", "d"])), DataDifference(1, 1, 2, 0, False, False)),
        (_scores(label_NF=1 - LABELS), DataDifference(0, 0, 3, 3, False, False)),
        # known where it was unknown
        (_scores(label_NF=LABELS.nan_to_num(0)), DataDifference(0, 0, 3, 1, False, False)),
        (_scores(names=("x", "z")), DataDifference(0, 0, 3, 3, False, False)),
        (_scores(_changed(group_N=torch.tensor([9, 2, 2]))), DataDifference(0, 0, 3, 0, False, True)),
    ],
)
def test_other_images_labels_and_patients_are_counted(other: Scores, difference: DataDifference) -> None:
    ours, theirs = EvaluatedData.of(_scores()), EvaluatedData.of(other)
    assert not ours.same_as(theirs)
    assert ours.difference(theirs) == difference


def test_measures_know_their_truth_by_a_digest(tmp_path: Path) -> None:
    def kept(cases: Cases) -> EvaluatedData:
        save_cases(cases, tmp_path / "c.parquet")
        return EvaluatedData.of(load_cases(tmp_path / "c.parquet"))

    ours, other, older = kept(_values("1")), kept(_values("2")), kept(_values(None))
    assert ours.same_as(kept(_values("1")))
    assert not ours.same_as(other)
    assert ours.difference(other) == DataDifference(0, 0, 3, 0, True, False)
    # runs of before the digest was kept
    assert ours.same_as(older)
    assert not ours.difference(older).other_truth


def test_a_moved_box_and_an_ignored_region_are_other_data() -> None:
    images = made_images(0, 12, findings=2)

    def data(changed: list) -> list[EvaluatedData]:
        _, cases = judge_detections(changed, keys_of(12), ["a", "b"], resamples=0)
        return [EvaluatedData.of(cases[group]) for group in ("detect", "detect_published")]

    boxed = next(n for n, image in enumerate(images) if len(image.objects.box_N4))
    objects = images[boxed].objects
    moved, ignored = list(images), list(images)
    moved[boxed] = images[boxed]._replace(objects=objects._replace(box_N4=objects.box_N4 + 1))
    ignored[boxed] = images[boxed]._replace(objects=objects._replace(ignored_I4=torch.tensor([[0.0, 0.0, 1.0, 1.0]])))
    nothing_found = [image._replace(found=image.found._replace(score_N=image.found.score_N * 0.1)) for image in images]
    for ours, same, *others in zip(*map(data, (images, nothing_found, moved, ignored)), strict=True):
        assert ours.same_as(same)
        assert not any(ours.same_as(other) for other in others)


def test_the_digest_tells_parts_apart() -> None:
    parts: list[list[object]] = [["ab", "c"], ["a", "bc"], ["abc"], ["abc", None], [np.zeros(2)], [np.zeros((2, 1))]]
    parts += [[np.zeros(2, dtype=np.float32)], [torch.ones(2)]]
    assert len({content_digest(one) for one in parts}) == len(parts)
    assert content_digest(["a", np.arange(3)]) == content_digest(["a", torch.arange(3)])
