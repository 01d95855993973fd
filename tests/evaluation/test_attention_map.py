"""Word-to-region attention."""

import torch

from src.evaluation.attention_map import word_region_similarity


def test_by_hand():
    patch = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    word = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    weight = word_region_similarity(patch, word, 0.5)
    raw = torch.tensor([[2.0, 0.0, -2.0], [1.2, 1.6, -1.2]]).exp()
    torch.testing.assert_close(weight, raw / raw.sum(dim=1, keepdim=True))


def test_float32_inside_at_low_temperature():
    draw = torch.Generator().manual_seed(0)
    patch = torch.nn.functional.normalize(torch.randn(196, 32, generator=draw), dim=1)
    word = torch.nn.functional.normalize(torch.randn(5, 32, generator=draw), dim=1)
    half = word_region_similarity(patch.bfloat16(), word.bfloat16(), 0.01)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half.sum(dim=1), torch.ones(5))
