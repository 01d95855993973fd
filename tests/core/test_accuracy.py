from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from src.core import accuracy
from src.core.embeddings import Embeddings


def embeddings_of(image_BD: Tensor, text_BD: Tensor) -> Embeddings:
    nothing = torch.empty(len(image_BD), 0)
    return Embeddings(image_BD, text_BD, nothing, nothing, nothing, nothing)


def batch_accuracy(image_BD: Tensor, text_BD: Tensor, top_k: int) -> Tensor:
    return accuracy.batch_accuracy(embeddings_of(image_BD, text_BD), top_k)


def test_by_hand():
    """Image 0 is nearest report 1 and image 1 report 1; report 0 is nearest image 1 and report 1 image 1."""
    image_BD = torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    text_BD = torch.tensor([[-1.0, 0.0], [0.0, 1.0]])
    assert batch_accuracy(image_BD, text_BD, 1) == 50
    assert batch_accuracy(image_BD, text_BD, 2) == 100


def test_is_the_mean_of_both_directions():
    """Both images choose report 0; report 0 chooses image 0, report 1 image 1."""
    image_BD = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
    text_BD = normalize(torch.tensor([[1.0, 0.1], [0.0, 0.2]]), dim=1) * torch.tensor([[1.0], [0.5]])
    assert batch_accuracy(image_BD, text_BD, 1) == 75


@pytest.mark.parametrize("batch", [1, 2, 4, 5])
def test_small_batches_do_not_fail(batch):
    image_BD, text_BD = torch.randn(2, batch, 8)
    assert batch_accuracy(image_BD, text_BD, 5) == 100


def test_close_scores_are_told_apart_under_autocast():
    angle_B = torch.arange(16) * 1e-2
    image_BD = torch.stack([angle_B.cos(), angle_B.sin()], dim=1)
    with torch.autocast("cpu", torch.bfloat16):
        assert batch_accuracy(image_BD, image_BD, 1) == 100


def test_compiles_whole():
    embeddings = embeddings_of(*torch.randn(2, 6, 8))
    compiled = torch.compile(accuracy.batch_accuracy, backend="aot_eager", fullgraph=True)
    assert compiled(embeddings, 5) == accuracy.batch_accuracy(embeddings, 5)


def test_a_part_is_looked_for_in_the_whole_batch():
    image_BD, text_BD = normalize(torch.randn(2, 6, 4), dim=-1)
    part = embeddings_of(image_BD[2:4], text_BD[2:4])
    part = replace(part, image_candidate_ND=image_BD, text_candidate_ND=text_BD, own_B=torch.tensor([2, 3]))
    parts = [accuracy.batch_accuracy(part, 1)]
    for first in (0, 4):
        own = slice(first, first + 2)
        other = replace(part, image_global_BD=image_BD[own], text_global_BD=text_BD[own], own_B=torch.arange(6)[own])
        parts.append(accuracy.batch_accuracy(other, 1))
    torch.testing.assert_close(torch.stack(parts).mean(), batch_accuracy(image_BD, text_BD, 1))
