"""The score from which on detections are drawn, against all cut-offs tried by hand."""

import torch

from src.core.case_keys import CaseKeys
from src.evaluation.detection_threshold import best_scores
from src.evaluation.matches import FALSE, HIT, IGNORED, Matches


def _matches(found: list[tuple[int, float, int]], objects: list[list[int]], names: tuple[str, ...]) -> Matches:
    """``found``: finding, score and outcome at an overlap of 0.5; nothing hits at 0.75."""
    return Matches(
        keys=CaseKeys.of(torch.arange(len(objects))),
        names=names,
        overlap_T=(0.5, 0.75),
        metrics=("map",),
        least_score=0.0,
        case_D=torch.zeros(len(found), dtype=torch.int64),
        finding_D=torch.tensor([finding for finding, *_ in found], dtype=torch.int64),
        score_D=torch.tensor([score for _, score, _ in found], dtype=torch.float64),
        outcome_DT=torch.tensor([[outcome, FALSE] for *_, outcome in found], dtype=torch.uint8).reshape(-1, 2),
        object_NF=torch.tensor(objects),
        counted_N=None,
    )


def test_the_score_of_the_highest_f1_of_each_finding() -> None:
    found = [
        # F1 from 0.9 on: 2/4; from 0.8: 2/5; from 0.7: 4/6; from 0.2: 4/7
        *((0, 0.9, HIT), (0, 0.8, FALSE), (0, 0.7, HIT), (0, 0.2, FALSE), (0, 0.75, IGNORED)),
        (1, 0.4, FALSE),
    ]
    matches = _matches(found, [[3, 1, 0], [0, 0, 0]], ("a", "b", "c"))
    assert best_scores(matches, 0.5) == {"a": 0.7, "b": None, "c": None}
    assert best_scores(matches, 0.75) == {"a": None, "b": None, "c": None}


def test_detections_of_one_score_are_shown_together() -> None:
    found = [(0, 0.5, HIT), (0, 0.5, FALSE), (0, 0.5, FALSE), (0, 0.6, HIT)]
    # from 0.6 on 2/3, from 0.5 on 4/6: the surer of two that are as good
    assert best_scores(_matches(found, [[2]], ("a",)), 0.5) == {"a": 0.6}
