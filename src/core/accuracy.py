"""Retrieval accuracy within a batch, the figure that a training step logs.

Axes: B image-report pairs, N those of the whole batch that the B belong to, D embedding width.
"""

import torch
from torch import Tensor

from src.core.embeddings import Embeddings
from src.core.precision import at_least_float32, without_autocast


@torch.no_grad()
def batch_accuracy(embeddings: Embeddings, top_k: int) -> Tensor:
    """How often a pair's other half is among its ``top_k`` most similar in the whole batch, in percent.

    The mean of image-to-text and text-to-image over the B own pairs, as a scalar; in a batch of at most ``top_k``
    pairs it is 100.
    """
    image_ND, text_ND, own_B = embeddings.candidates
    nearest = min(top_k, len(image_ND))
    hits = []
    for own_BD, other_ND in ((embeddings.image_global_BD, text_ND), (embeddings.text_global_BD, image_ND)):
        with without_autocast(own_BD):
            score_BN = at_least_float32(own_BD) @ at_least_float32(other_ND).mT
        hits.append((score_BN.topk(nearest, dim=1).indices == own_B.unsqueeze(1)).sum())
    return 100 * (hits[0] + hits[1]) / (2 * len(own_B))
