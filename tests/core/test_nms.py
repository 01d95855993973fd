"""Non-maximum suppression against the greedy rule written out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.core import nms as module
from src.core.nms import nms, overlap
from src.core.torchvision_ops import has_compiled


def naive_overlap(one: list[float], other: list[float], offset: int) -> float:
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]) + offset)
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]) + offset)
    areas = [(box[2] - box[0] + offset) * (box[3] - box[1] + offset) for box in (one, other)]
    union = sum(areas) - width * height
    return width * height / union if union else float("nan")


def naive_nms(boxes: list[list[float]], scores: list[float], threshold: float, offset: int) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if not any(naive_overlap(boxes[index], boxes[other], offset) > threshold for other in kept):
            kept.append(index)
    return kept


# Whole numbers in a small square: boxes that touch, coincide, have no area; few scores: many ties.
corner = st.integers(0, 6)
side = st.integers(0, 4)
boxes = st.lists(st.tuples(corner, corner, side, side, st.integers(0, 3)), max_size=30)


@given(boxes, st.sampled_from([0.0, 0.3, 0.5, 0.9]), st.sampled_from([0, 1]))
def test_it_is_the_greedy_rule(made: list[tuple[int, ...]], threshold: float, offset: int) -> None:
    box = [[float(x), float(y), float(x + w), float(y + h)] for x, y, w, h, _ in made]
    score = [s / 4 for *_, s in made]
    tensor_N4 = torch.tensor(box, dtype=torch.float64).reshape(-1, 4)
    kept = nms(tensor_N4, torch.tensor(score, dtype=torch.float64), threshold, offset)
    assert kept.tolist() == naive_nms(box, score, threshold, offset)


@pytest.mark.parametrize("number", [0, 1, 60, 1500])
def test_random_boxes_of_any_number(number: int) -> None:
    generator = torch.Generator().manual_seed(number)
    box_N4 = torch.rand(number, 4, generator=generator) * 120
    box_N4[:, 2:] = box_N4[:, :2] + torch.rand(number, 2, generator=generator) * 60
    score_N = torch.rand(number, generator=generator)
    kept = nms(box_N4, score_N, 0.3)
    assert kept.tolist() == naive_nms(box_N4.double().tolist(), score_N.tolist(), 0.3, 0)


def test_a_long_chain_of_suppressions() -> None:
    """Every box overlaps its neighbours only: every second one stays."""
    left_N = torch.arange(40.0) * 4
    box_N4 = torch.stack((left_N, torch.zeros(40), left_N + 10, torch.full((40,), 10.0)), dim=1)
    score_N = torch.linspace(1, 0.1, 40)
    assert nms(box_N4, score_N, 0.4).tolist() == list(range(0, 40, 2))


def test_two_boxes_without_area_both_stay() -> None:
    assert torch.isnan(overlap(torch.zeros(1, 4), torch.zeros(1, 4))).all()
    assert nms(torch.zeros(2, 4), torch.tensor([0.5, 0.5]), 0.5).tolist() == [0, 1]


def test_half_precision_is_compared_in_float32() -> None:
    box_N4 = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 5.0]])
    assert nms(box_N4.bfloat16(), torch.tensor([0.5, 0.25]).bfloat16(), 0.49).tolist() == [0]


def test_torchvision_does_it_where_it_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def compiled(box_N4: torch.Tensor, score_N: torch.Tensor, threshold: float) -> torch.Tensor:
        calls.append((len(box_N4), len(score_N), threshold))
        return torch.tensor([1])

    monkeypatch.setattr(module, "has_compiled", lambda operator, _tensor: operator == "nms")
    monkeypatch.setattr(torch.ops.torchvision, "nms", compiled, raising=False)
    assert nms(torch.zeros(2, 4), torch.zeros(2), 0.5).tolist() == [1]
    assert nms(torch.zeros(2, 4), torch.zeros(2), 0.5, offset=1).tolist() == [0]
    assert calls == [(2, 2, 0.5)]


def test_whether_torchvision_is_compiled() -> None:
    here = torch.zeros(2, 4)
    assert not has_compiled("no_such_operator", here)
    try:
        torch.ops.torchvision.nms(here, here[:, 0], 0.5)
    except NotImplementedError:
        assert not has_compiled("nms", here)
    else:
        assert has_compiled("nms", here)
