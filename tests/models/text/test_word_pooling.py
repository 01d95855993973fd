"""Word pooling against a loop over tokens written on its own, under both rules."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from src.core.rules import Rules
from src.models.text.word_pooling import pool_words

PAD, CLS, SEP = 0, 1, 2
WORDS, PIECES = [3, 4, 5, 6], [7, 8, 9]
PIECE_V = torch.tensor([index in PIECES for index in range(10)])
Report = tuple[list[float], list[list[float]], list[float]]


def published_loop(states: list[list[float]], ids: list[int], attention: list[float]) -> Report:
    """Reads tokens 0 to L - 2, each with its right neighbour's weight; a word is written when the next one begins."""
    words: list[tuple[list[float], float]] = []
    current: list[tuple[list[float], float]] = []

    def flush() -> None:
        words.append(
            ([sum(column) for column in zip(*(s for s, _ in current), strict=True)], sum(w for _, w in current))
        )

    for position in range(len(ids) - 1):
        entry = (states[position], attention[position + 1])
        if ids[position] == SEP:
            flush()
            words.append(entry)
            break
        if ids[position] in PIECES:
            current.append(entry)
            continue
        if current:
            flush()
        current = [entry]
    if not words:
        return [0.0] * len(states[0]), [], []
    return words[0][0], [state for state, _ in words[1:]], [weight for _, weight in words[1:]]


def corrected_loop(states: list[list[float]], ids: list[int], attention: list[float]) -> Report:
    """Reads every token that stands; the one after [CLS] begins a word whatever it is."""
    words: list[list[float]] = []
    weights: list[float] = []
    for position in range(1, len(ids)):
        if ids[position] == PAD:
            break
        if ids[position] in PIECES and words:
            words[-1] = [a + b for a, b in zip(words[-1], states[position], strict=True)]
            weights[-1] += attention[position]
        else:
            words.append(states[position])
            weights.append(attention[position])
    return states[0], words, weights


def pool(states: Tensor, ids: Tensor, attention: Tensor, rules: Rules) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return pool_words(states, ids, ids != PAD, attention, PIECE_V, sep_id=SEP, rules=rules)


@st.composite
def batches(draw: st.DrawFn) -> Tensor:
    length = draw(st.integers(3, 14))
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        body = draw(st.lists(st.sampled_from(WORDS + PIECES), min_size=0, max_size=length - 2))
        if draw(st.booleans()):
            body = (body * length)[: length - 2] if body else body
        row = [CLS, *body, SEP]
        rows.append(row + [PAD] * (length - len(row)))
    return torch.tensor(rows)


@pytest.mark.parametrize("rules", ["published", "corrected"])
@given(ids=batches(), seed=st.integers(0, 1000))
def test_agrees_with_a_loop(rules: Rules, ids: Tensor, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(*ids.shape, 3, generator=generator, dtype=torch.float64)
    attention = torch.rand(ids.shape, generator=generator, dtype=torch.float64)
    pooled_BE, local_BTE, mask_BT, attention_BT = pool(states, ids, attention, rules)
    assert local_BTE.shape[1] == ids.shape[1] - 1
    loop = published_loop if rules == "published" else corrected_loop
    for row in range(len(ids)):
        report, words, weights = loop(states[row].tolist(), ids[row].tolist(), attention[row].tolist())
        padding = ids.shape[1] - 1 - len(words)
        torch.testing.assert_close(pooled_BE[row], torch.tensor(report, dtype=torch.float64))
        expected = torch.tensor([*words, *[[0.0] * 3] * padding], dtype=torch.float64).reshape(-1, 3)
        torch.testing.assert_close(local_BTE[row], expected)
        torch.testing.assert_close(attention_BT[row], torch.tensor(weights + [0.0] * padding, dtype=torch.float64))
        assert mask_BT[row].tolist() == [True] * len(words) + [False] * padding


def test_by_hand() -> None:
    ids = torch.tensor([[CLS, 3, 7, 4, SEP, PAD]])
    states = torch.tensor([[[1.0], [2.0], [4.0], [8.0], [16.0], [32.0]]])
    attention = torch.tensor([[0.1, 0.2, 0.3, 0.25, 0.15, 0.0]])
    _, local, mask, weight = pool(states, ids, attention, "corrected")
    assert local[0, :, 0].tolist() == [6.0, 8.0, 16.0, 0.0, 0.0]
    assert mask[0].tolist() == [True, True, True, False, False]
    torch.testing.assert_close(weight[0], torch.tensor([0.5, 0.25, 0.15, 0.0, 0.0]))
    _, local, mask, weight = pool(states, ids, attention, "published")
    assert local[0, :, 0].tolist() == [6.0, 8.0, 16.0, 0.0, 0.0]
    torch.testing.assert_close(weight[0], torch.tensor([0.55, 0.15, 0.0, 0.0, 0.0]))


def test_published_full_report_loses_its_last_word() -> None:
    ids = torch.tensor([[CLS, 3, 4, 5, SEP]])
    states = torch.ones(1, 5, 1)
    attention = torch.full((1, 5), 0.2)
    assert pool(states, ids, attention, "published")[2].sum() == 2
    assert pool(states, ids, attention, "corrected")[2].sum() == 4


@pytest.mark.parametrize("rules", ["published", "corrected"])
def test_compiles_as_one_graph(rules: Rules) -> None:
    ids = torch.tensor([[CLS, 3, 7, 4, SEP, PAD], [CLS, 3, 4, 8, 9, SEP]])
    states = torch.randn(2, 6, 3, requires_grad=True)
    attention = torch.rand(2, 6)
    compiled = torch.compile(pool, fullgraph=True, backend="aot_eager")
    for one, other in zip(pool(states, ids, attention, rules), compiled(states, ids, attention, rules), strict=True):
        torch.testing.assert_close(one, other)
