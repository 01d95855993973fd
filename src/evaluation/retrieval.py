"""Finding a study's report by its image among all reports, and the other way round.

Axes: N studies, B images of a chunk, D embedding width.

Ties. Where several candidates score as the right one does, their order says nothing, so a query counts as the mean
over all orders: with ``better`` candidates above and ``equal`` ones at the right one's score (itself included), it is
found among the first k with probability min(max(k - better, 0), equal) / equal, and its rank is
better + (equal + 1) / 2. An encoder that maps everything to one point thus scores chance, k / N. Where no two
candidates tie, the recall is torchmetrics' retrieval hit rate, which ranks one query a call (the tests compare).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

# Cosines closer than this are one score: float32 embeddings do not tell them apart.
_SAME_SCORE = 1e-6
_SCORES_AT_ONCE = 2_000_000


def retrieval_recall(image_ND: Tensor, text_ND: Tensor, *, ks: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
    """Recall among the first k and median rank in both directions, and what chance would give.

    Row n of ``image_ND`` belongs to row n of ``text_ND``; both L2-normalised. Recalls are fractions of the N queries;
    a k above N counts as N. Ranks start at 1. Names: ``retrieval/image_to_text_recall_at_10``,
    ``retrieval/image_to_text_median_rank``, ``retrieval/chance_recall_at_10``, and so on.
    """
    figures: dict[str, float] = {}
    rivals = count_rivals(image_ND, text_ND)
    for name, (better_N, equal_N) in zip(("image_to_text", "text_to_image"), rivals, strict=True):
        for k in ks:
            found_N = (k - better_N).clamp(min=0).minimum(equal_N) / equal_N
            figures[f"retrieval/{name}_recall_at_{k}"] = float(found_N.mean())
        rank_N = better_N + (equal_N + 1) / 2
        figures[f"retrieval/{name}_median_rank"] = float(rank_N.quantile(0.5))
    figures["retrieval/chance_median_rank"] = (len(image_ND) + 1) / 2
    for k in ks:
        figures[f"retrieval/chance_recall_at_{k}"] = min(k, len(image_ND)) / len(image_ND)
    return figures


def count_rivals(image_ND: Tensor, text_ND: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """For each query, how many candidates score above the right one, and how many the same (the right one included).

    First for images that look for texts, then for texts that look for images; float64, (N,). Scores are computed in
    float64, two million at once, so memory grows with N and not with N^2.
    """
    image_ND, text_ND = image_ND.double(), text_ND.double()
    own_N = (image_ND * text_ND).sum(dim=1)
    better_N, no_worse_N = torch.zeros_like(own_N), torch.zeros_like(own_N)
    better, equal = [], []
    chunk = max(1, _SCORES_AT_ONCE // len(own_N))
    for image_BD, own_B in zip(image_ND.split(chunk), own_N.split(chunk), strict=True):
        score_BN = image_BD @ text_ND.T
        better_B = (score_BN > own_B[:, None] + _SAME_SCORE).sum(dim=1)
        better.append(better_B)
        equal.append((score_BN >= own_B[:, None] - _SAME_SCORE).sum(dim=1) - better_B)
        better_N += (score_BN > own_N + _SAME_SCORE).sum(dim=0)
        no_worse_N += (score_BN >= own_N - _SAME_SCORE).sum(dim=0)
    return (torch.cat(better).double(), torch.cat(equal).double()), (better_N, no_worse_N - better_N)
