"""A model small enough to follow by hand, with the methods that evaluation calls."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from src.core.batch import PairBatch


class StandIn(nn.Module):
    """The image vector is the mean over pixels of each channel, the text vector the mean of its tokens' embeddings."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocab_size, 3)
        self.norm = nn.BatchNorm1d(3, affine=False)
        self.modes: list[bool] = []

    def embed_images(self, image_BCHW: Tensor) -> SimpleNamespace:
        self.modes.append(self.training)
        feature_BE = image_BCHW.mean(dim=(2, 3))
        return SimpleNamespace(feature_BE=feature_BE, global_BD=nn.functional.normalize(self.norm(feature_BE), dim=-1))

    def embed_texts(self, token_BL: Tensor, token_mask_BL: Tensor) -> SimpleNamespace:
        self.modes.append(self.training)
        total_BD = (self.words(token_BL) * token_mask_BL[..., None]).sum(dim=1)
        return SimpleNamespace(global_BD=nn.functional.normalize(total_BD, dim=-1))


@pytest.fixture
def stand_in() -> StandIn:
    torch.manual_seed(0)
    return StandIn(vocab_size=50)


@pytest.fixture
def batches() -> list[PairBatch]:
    draw = torch.Generator().manual_seed(1)

    def batch(size: int, first: int) -> PairBatch:
        return PairBatch(
            image_BCHW=torch.randn(size, 3, 4, 4, generator=draw),
            token_BL=torch.randint(1, 50, (size, 6), generator=draw),
            token_mask_BL=torch.arange(6) < torch.randint(1, 7, (size, 1), generator=draw),
            row_B=torch.arange(first, first + size),
            label_BF=torch.randint(0, 2, (size, 2), generator=draw).float(),
        )

    return [batch(4, 10), batch(3, 14)]
