"""The threshold of the highest F1, against every possible cut-off."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import binary_f1_score

from src.evaluation.threshold import best_threshold


@given(seed=st.integers(0, 10_000), count=st.integers(1, 25))
def test_no_other_cut_off_is_better(seed: int, count: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    score = torch.randint(0, 6, (count, 1), generator=generator).double() / 5
    label = torch.randint(0, 2, (count, 1), generator=generator).double()
    label[torch.rand(count, 1, generator=generator) < 0.2] = math.nan
    known = ~label[:, 0].isnan()
    chosen = best_threshold(score, label)
    if not (label == 1).any():
        assert chosen.tolist() == [0.5]
        return

    def f1(cut: float) -> float:
        return float(binary_f1_score((score[known, 0] >= cut).long(), label[known, 0].long()))

    assert f1(float(chosen)) >= max(f1(float(cut)) for cut in score.unique()) - 1e-6


def test_by_hand() -> None:
    score = torch.tensor([[0.9], [0.8], [0.7], [0.1]])
    label = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    # cuts: 0.9 gives 2/3, 0.8 gives 1/2, 0.7 gives 4/5, 0.1 gives 2/3
    assert best_threshold(score, label).tolist() == [torch.tensor(0.7).double().item()]
