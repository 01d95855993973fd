"""Retrieval accuracy within a batch, the figure that a training step logs.

Axes: B image-report pairs, D embedding width.
"""

import torch
from torch import Tensor

from src.core.precision import at_least_float32, without_autocast


def batch_accuracy(image_BD: Tensor, text_BD: Tensor, top_k: int) -> Tensor:
    """How often a pair's other half is among its ``top_k`` most similar in the batch, in percent.

    The mean of image-to-text and text-to-image, as a scalar; in a batch of at most ``top_k`` pairs it is 100.
    Expects L2-normalised embeddings.
    """
    with without_autocast(image_BD):
        score_BB = at_least_float32(image_BD) @ at_least_float32(text_BD).mT
    nearest = min(top_k, len(score_BB))
    own_B1 = torch.arange(len(score_BB), device=score_BB.device).unsqueeze(1)
    hits = [(score.topk(nearest, dim=1).indices == own_B1).sum() for score in (score_BB, score_BB.mT)]
    return 100 * (hits[0] + hits[1]) / (2 * len(score_BB))
