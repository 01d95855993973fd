"""Word-to-region attention."""

import numpy as np
import torch
from torch.nn.functional import normalize

from src.evaluation.attention_map import phrase_heat, upsampled, word_region_similarity


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


def _made(words: list[int], dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    draw = torch.Generator().manual_seed(1)

    def unit(*shape: int) -> torch.Tensor:
        return normalize(torch.randn(*shape, generator=draw, dtype=dtype), dim=-1)

    mask = torch.arange(max(words) + 2) < torch.tensor(words)[:, None]
    return unit(len(words), 12, 8), unit(*mask.shape, 8), mask, unit(len(words), 8)


def test_each_heat_against_its_sum_written_out():
    patch, word, mask, whole = _made([3, 1, 5])
    for kind in ("attention", "similarity", "global"):
        heat = phrase_heat(patch, word, mask, whole, heat=kind, temperature=0.1)
        for q in range(3):
            for p in range(12):
                said = [t for t in range(word.shape[1]) if mask[q, t]]
                cosines = {t: [float(word[q, t] @ patch[q, k]) for k in range(12)] for t in said}
                exps = {t: np.exp(np.array(cosines[t]) / 0.1) for t in said}
                wanted = {
                    "attention": np.mean([exps[t][p] / exps[t].sum() for t in said]),
                    "similarity": np.mean([cosines[t][p] for t in said]),
                    "global": float(whole[q] @ patch[q, p]),
                }
                assert abs(float(heat[q, p]) - wanted[kind]) < 1e-12


def test_the_words_ask_and_the_patches_answer():
    """Attention is a distribution over the patches of an image, and padding has no say in it."""
    patch, word, mask, whole = _made([2, 4])
    heat = phrase_heat(patch, word, mask, whole, heat="attention", temperature=0.1)
    torch.testing.assert_close(heat.sum(dim=1), torch.ones(2, dtype=torch.float64))
    other = torch.where(mask[..., None], word, 7.0)
    torch.testing.assert_close(heat, phrase_heat(patch, other, mask, whole, heat="attention", temperature=0.1))


def test_half_precision_is_computed_in_single():
    arguments = _made([4, 2], torch.float32)
    halves = [part if part.dtype == torch.bool else part.bfloat16() for part in arguments]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        heat = phrase_heat(*halves, heat="attention", temperature=0.02)
    wide = [part if part.dtype == torch.bool else part.float() for part in halves]
    torch.testing.assert_close(heat, phrase_heat(*wide, heat="attention", temperature=0.02))


def test_patches_are_laid_out_row_by_row():
    heat = torch.zeros(1, 6)
    heat[0, 4] = 1
    seen = upsampled(heat, (2, 3), (20, 30))
    assert seen.shape == (1, 20, 30)
    rows, columns = torch.nonzero(seen[0] > 0.94, as_tuple=True)
    assert rows.min() >= 14
    assert columns.float().mean() == 14.5


def test_why_the_released_notebook_subtracts_from_one():
    """OpenCV's colours, shown as red, green, blue, are red where the value is low: there ``1 - attention`` is red where
    attention is high. In their own order they are not.
    """
    import cv2

    attention = np.array([[0, 255]], dtype=np.uint8)
    shown = cv2.applyColorMap(255 - attention, cv2.COLORMAP_JET)
    low, high = shown[0].astype(int)
    assert high[0] > high[2]
    assert low[2] > low[0]
    low, high = shown[0, :, ::-1].astype(int)
    assert low[0] > low[2]
    assert high[2] > high[0]
