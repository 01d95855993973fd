"""Batches on their way to the device: bytes become the same floats wherever it happens."""

import numpy as np
import torch

from src.core.batch import PairBatch, PixelBatch


def _batch() -> PixelBatch:
    image_BHW = torch.arange(2 * 3 * 4, dtype=torch.uint8).reshape(2, 3, 4) * 10
    token_BL = torch.tensor([[1, 5, 2], [1, 2, 0]])
    return PixelBatch(image_BHW, token_BL, token_BL != 0, torch.tensor([7, 9]), torch.zeros(2, 1), mean=0.4, std=0.2)


def test_bytes_become_normalised_floats_on_the_device() -> None:
    batch = _batch()
    moved = batch.to("cpu")
    assert isinstance(moved, PairBatch)
    wanted_BHW = (batch.image_BHW.numpy().astype(np.float64) / 255 - 0.4) / 0.2
    np.testing.assert_allclose(moved.image_BCHW.numpy(), np.stack([wanted_BHW] * 3, axis=1), atol=1e-6)
    assert moved.image_BCHW.dtype == torch.float32
    torch.testing.assert_close(moved.image_BCHW, batch.image_BCHW)
    for name in ("token_BL", "token_mask_BL", "row_B", "label_BF"):
        torch.testing.assert_close(getattr(moved, name), getattr(batch, name))
    assert len(batch) == len(moved) == 2


def test_lightning_hands_the_training_step_floats() -> None:
    from lightning.fabric.utilities import move_data_to_device

    assert isinstance(move_data_to_device(_batch(), "cpu"), PairBatch)
