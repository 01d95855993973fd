"""Retrieval: by hand, against torchmetrics, over all orders of what ties, and through the bootstrap."""

from itertools import pairwise, permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from src.core.case_keys import CaseKeys
from src.evaluation import retrieval
from src.evaluation.estimate import Estimate, value_of
from src.evaluation.resample import draw_weights
from src.evaluation.retrieval import count_rivals, precision_at, retrieval_cases, retrieval_figures


def unit(*shape: int, seed: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def figures_of(image, text, *, ks=(1, 5, 10), label=None) -> dict[str, float]:
    label = torch.zeros(len(image), 0) if label is None else torch.as_tensor(label)
    cases = retrieval_cases(image, text, label, CaseKeys.of(torch.arange(len(image))), ks=ks)
    figures = retrieval_figures(cases, label, ks=ks, resamples=0)
    return {name: value_of(figure) for name, figure in figures.items()}


def test_three_studies_by_hand():
    image = torch.eye(3)
    text = torch.tensor([[0.6, 0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    figures = figures_of(image, text, ks=(1, 2, 5))
    assert figures["retrieval/image_to_text_recall_at_1"] == pytest.approx(1 / 3)
    assert figures["retrieval/image_to_text_recall_at_2"] == 1
    assert figures["retrieval/text_to_image_recall_at_1"] == pytest.approx(1 / 3)
    assert figures["retrieval/text_to_image_recall_at_5"] == 1
    assert figures["retrieval/image_to_text_median_rank"] == 2
    assert figures["retrieval/image_to_text_mean_rank"] == pytest.approx(5 / 3)
    assert figures["retrieval/chance_recall_at_2"] == pytest.approx(2 / 3)
    assert figures["retrieval/chance_recall_at_5"] == 1
    assert figures["retrieval/chance_median_rank"] == figures["retrieval/chance_mean_rank"] == 2
    assert not any("precision" in name for name in figures)


@given(n=st.integers(1, 30), width=st.integers(1, 8), k=st.integers(1, 12), seed=st.integers(0, 10**6))
def test_equals_torchmetrics_where_nothing_ties(n: int, width: int, k: int, seed: int):
    from torchmetrics.functional.retrieval import retrieval_hit_rate, retrieval_precision

    # one dimension has two points only, all ties
    image, text = unit(n, width + 1, seed=seed), unit(n, width + 1, seed=seed + 1)
    # exclusive classes, as in 5x200
    group = torch.arange(n) % 3
    figures = figures_of(image, text, ks=(k,), label=torch.eye(3)[group])
    own, same = torch.eye(n, dtype=torch.bool), group[:, None] == group
    for name, score in (("image_to_text", image @ text.T), ("text_to_image", text @ image.T)):
        hits = [retrieval_hit_rate(score[i], own[i], top_k=k) for i in range(n)]
        # torchmetrics takes what scores below 0 for not found
        shares = [retrieval_precision(score[i] + 2, same[i], top_k=k, adaptive_k=True) for i in range(n)]
        assert figures[f"retrieval/{name}_recall_at_{k}"] == pytest.approx(float(torch.stack(hits).mean()), abs=1e-6)
        found = figures[f"retrieval/{name}_precision_at_{k}"]
        assert found == pytest.approx(float(torch.stack(shares).mean()), abs=1e-6)


@pytest.mark.parametrize("n", [1, 7, 137])
def test_an_encoder_that_maps_everything_to_one_point_scores_chance(n: int):
    one_point = unit(1, 64, seed=0).expand(n, -1)
    label = (torch.rand(n, 3, generator=torch.Generator().manual_seed(n)) < 0.5).float()
    label[0] = 1
    figures = figures_of(one_point, unit(n, 64, seed=1), label=label)
    constant = figures_of(one_point, one_point, label=label)
    for k in (1, 5, 10):
        assert figures[f"retrieval/text_to_image_recall_at_{k}"] == pytest.approx(min(k, n) / n)
        assert constant[f"retrieval/image_to_text_recall_at_{k}"] == pytest.approx(min(k, n) / n)
        chance = constant[f"retrieval/chance_precision_at_{k}"]
        assert constant[f"retrieval/image_to_text_precision_at_{k}"] == pytest.approx(chance)
        assert figures[f"retrieval/text_to_image_precision_at_{k}"] == pytest.approx(chance)
    assert constant["retrieval/image_to_text_median_rank"] == (n + 1) / 2


def test_two_equal_reports_share_the_hit():
    image = torch.eye(4)
    text = image[[0, 0, 2, 3]]
    figures = figures_of(image, text, ks=(1, 2))
    # image 0 finds its report in half of the orders; image 1 ties with all four at zero but for the two above
    assert figures["retrieval/image_to_text_recall_at_1"] == pytest.approx((0.5 + 0.25 + 1 + 1) / 4)
    # report 1 prefers image 0 and ties with the other three: half of what is left of two places goes to three
    assert figures["retrieval/text_to_image_recall_at_2"] == pytest.approx((1 + 1 / 3 + 1 + 1) / 4)


@given(n=st.integers(2, 40), copies=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_recall_grows_with_k_and_ends_at_one(n: int, copies: int, seed: int):
    image, text = unit(n, 5, seed=seed), unit(n, 5, seed=seed + 1)
    text[:copies] = text[0]
    figures = figures_of(image, text, ks=range(1, n + 1))
    for name in ("image_to_text", "text_to_image"):
        recall = [figures[f"retrieval/{name}_recall_at_{k}"] for k in range(1, n + 1)]
        assert all(a <= b + 1e-12 for a, b in pairwise(recall))
        assert recall[-1] == pytest.approx(1)


def test_precision_by_hand():
    # four studies: a, a and b, nothing, b of which a is unknown
    label = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [torch.nan, 1.0]])
    query = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    # in this order for every query: 2, 0, 3, 1
    cosine = torch.tensor([0.8, 0.2, 0.9, 0.5])
    candidate = torch.stack([cosine, (1 - cosine**2).sqrt()], dim=1)
    found = precision_at(query, candidate, label, ks=(1, 2, 3, 4))
    expected = [[0, 1 / 2, 1 / 3, 2 / 4], [0, 1 / 2, 2 / 3, 3 / 4], [torch.nan] * 4, [0, 0, 1 / 3, 2 / 4]]
    torch.testing.assert_close(found, torch.tensor(expected).double(), equal_nan=True)
    figures = figures_of(query, candidate, ks=(2,), label=label)
    assert figures["retrieval/image_to_text_precision_at_2"] == pytest.approx((1 / 2 + 1 / 2 + 0) / 3)
    assert figures["retrieval/chance_precision_at_2"] == pytest.approx((2 + 3 + 2) / 3 / 4)


@given(level=st.lists(st.integers(0, 2), min_size=1, max_size=6), seed=st.integers(0, 10**6))
def test_precision_is_the_mean_over_all_orders_of_what_ties(level: list[int], seed: int):
    n = len(level)
    label = (torch.rand(n, 2, generator=torch.Generator().manual_seed(seed)) < 0.5).float()
    cosine = torch.tensor([0.1, 0.5, 0.9])[level]
    candidate = torch.stack([cosine, (1 - cosine**2).sqrt()], dim=1)
    query = torch.tensor([[1.0, 0.0]]).expand(n, -1)
    found = precision_at(query, candidate, label, ks=range(1, n + 1))
    ordered = [order for order in permutations(range(n)) if all(level[i] >= level[j] for i, j in pairwise(order))]
    for i in range(n):
        hit = [bool((label[i] * label[j]).any()) for j in range(n)]
        for k in range(1, n + 1):
            shares = [sum(hit[j] for j in order[:k]) / k for order in ordered]
            expected = np.mean(shares) if label[i].any() else np.nan
            assert float(found[i, k - 1]) == pytest.approx(expected, nan_ok=True)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch):
    image, text = unit(53, 16, seed=3), unit(53, 16, seed=4)
    label = (torch.rand(53, 4, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    whole = count_rivals(image, text), precision_at(image, text, label, ks=(1, 7))
    chance = figures_of(image, text, label=label)
    monkeypatch.setattr(retrieval, "_SCORES_AT_ONCE", 53 * 7)
    parts = count_rivals(image, text), precision_at(image, text, label, ks=(1, 7))
    for one, other in zip(whole[0], parts[0], strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])
    torch.testing.assert_close(whole[1], parts[1], equal_nan=True, rtol=0, atol=0)
    assert figures_of(image, text, label=label) == chance


@pytest.mark.parametrize("n", [10, 11, 25])
def test_the_medians_interval_against_repeated_ranks(n: int):
    image, text = unit(n, 3, seed=3), unit(n, 3, seed=4)
    group = torch.arange(n) // 2
    keys = CaseKeys(row_N=torch.arange(n), group_N=group, image_id_N=None)
    label = torch.zeros(n, 0)
    cases = retrieval_cases(image, text, label, keys, ks=(1,))
    found = retrieval_figures(cases, label, ks=(1,), resamples=40)["retrieval/image_to_text_median_rank"]
    rank = cases.value_NM[:, cases.names.index("image_to_text_mean_rank")].numpy()
    drawn = draw_weights(group, resamples=40, seed=0).numpy().astype(int)
    medians = [np.median(np.repeat(rank, times)) for times in drawn]
    assert found.value == np.median(rank)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(medians, [0.025, 0.975])))


def test_fewer_than_five_patients_give_no_interval():
    image, text = unit(8, 3, seed=3), unit(8, 3, seed=4)
    keys = CaseKeys(row_N=torch.arange(8), group_N=torch.arange(8) // 2, image_id_N=None)
    cases = retrieval_cases(image, text, torch.zeros(8, 0), keys, ks=(1,))
    figures = retrieval_figures(cases, torch.zeros(8, 0), ks=(1,), resamples=40)
    estimates = [figure for figure in figures.values() if isinstance(figure, Estimate)]
    assert len(estimates) == 6
    assert {figure.reason for figure in estimates} == {"4 patients in all"}
