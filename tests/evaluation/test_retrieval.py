"""Retrieval: by hand, against torchmetrics, and with ties."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.evaluation import retrieval
from src.evaluation.retrieval import count_rivals, retrieval_recall


def unit(*shape: int, seed: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_three_studies_by_hand():
    image = torch.eye(3)
    text = torch.tensor([[0.6, 0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    figures = retrieval_recall(image, text, ks=(1, 2, 5))
    assert figures["retrieval/image_to_text_recall_at_1"] == pytest.approx(1 / 3)
    assert figures["retrieval/image_to_text_recall_at_2"] == 1
    assert figures["retrieval/text_to_image_recall_at_1"] == pytest.approx(1 / 3)
    assert figures["retrieval/text_to_image_recall_at_5"] == 1
    assert figures["retrieval/image_to_text_median_rank"] == 2
    assert figures["retrieval/chance_recall_at_2"] == pytest.approx(2 / 3)
    assert figures["retrieval/chance_recall_at_5"] == 1
    assert figures["retrieval/chance_median_rank"] == 2


@given(n=st.integers(1, 30), width=st.integers(1, 8), k=st.integers(1, 12), seed=st.integers(0, 10**6))
def test_equals_torchmetrics_where_nothing_ties(n: int, width: int, k: int, seed: int):
    from torchmetrics.functional.retrieval import retrieval_hit_rate

    # one dimension has two points only, all ties
    image, text = unit(n, width + 1, seed=seed), unit(n, width + 1, seed=seed + 1)
    figures = retrieval_recall(image, text, ks=(k,))
    own = torch.eye(n, dtype=torch.bool)
    for name, score in (("image_to_text", image @ text.T), ("text_to_image", text @ image.T)):
        hits = [retrieval_hit_rate(score[i], own[i], top_k=k) for i in range(n)]
        assert figures[f"retrieval/{name}_recall_at_{k}"] == pytest.approx(float(torch.stack(hits).mean()), abs=1e-6)


@pytest.mark.parametrize("n", [1, 7, 137])
def test_an_encoder_that_maps_everything_to_one_point_scores_chance(n: int):
    one_point = unit(1, 64, seed=0).expand(n, -1)
    figures = retrieval_recall(one_point, unit(n, 64, seed=1))
    constant = retrieval_recall(one_point, one_point)
    for k in (1, 5, 10):
        assert figures[f"retrieval/text_to_image_recall_at_{k}"] == pytest.approx(min(k, n) / n)
        assert constant[f"retrieval/image_to_text_recall_at_{k}"] == pytest.approx(min(k, n) / n)
    assert constant["retrieval/image_to_text_median_rank"] == (n + 1) / 2


def test_two_equal_reports_share_the_hit():
    image = torch.eye(4)
    text = image[[0, 0, 2, 3]]
    figures = retrieval_recall(image, text, ks=(1, 2))
    # image 0 finds its report in half of the orders; image 1 ties with all four at zero but for the two above
    assert figures["retrieval/image_to_text_recall_at_1"] == pytest.approx((0.5 + 0.25 + 1 + 1) / 4)
    # report 1 prefers image 0 and ties with the other three: half of what is left of two places goes to three
    assert figures["retrieval/text_to_image_recall_at_2"] == pytest.approx((1 + 1 / 3 + 1 + 1) / 4)


@given(n=st.integers(2, 40), copies=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_recall_grows_with_k_and_ends_at_one(n: int, copies: int, seed: int):
    image, text = unit(n, 5, seed=seed), unit(n, 5, seed=seed + 1)
    text[:copies] = text[0]
    figures = retrieval_recall(image, text, ks=range(1, n + 1))
    for name in ("image_to_text", "text_to_image"):
        recall = [figures[f"retrieval/{name}_recall_at_{k}"] for k in range(1, n + 1)]
        assert all(a <= b + 1e-12 for a, b in pairwise(recall))
        assert recall[-1] == pytest.approx(1)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch):
    image, text = unit(53, 16, seed=3), unit(53, 16, seed=4)
    whole = count_rivals(image, text)
    monkeypatch.setattr(retrieval, "_SCORES_AT_ONCE", 53 * 7)
    parts = count_rivals(image, text)
    for one, other in zip(whole, parts, strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])
