import pytest
import torch
from torch.nn.functional import normalize

from src.core.accuracy import batch_accuracy


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
    image_BD, text_BD = torch.randn(2, 6, 8)
    compiled = torch.compile(batch_accuracy, backend="aot_eager", fullgraph=True)
    assert compiled(image_BD, text_BD, 5) == batch_accuracy(image_BD, text_BD, 5)
