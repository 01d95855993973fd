"""Finding a study's report by its image among all reports, and the other way round.

Axes: N studies, B queries of a chunk, D embedding width, F findings, K numbers of results, R resamples.

Ties. Where several candidates score as the right one does, their order says nothing, so a query counts as the mean
over all orders: with ``better`` candidates above and ``equal`` ones at the right one's score (itself included), it is
found among the first k with probability min(max(k - better, 0), equal) / equal, and its rank is
better + (equal + 1) / 2. An encoder that maps everything to one point thus scores chance, k / N. Where no two
candidates tie, the recall is torchmetrics' retrieval hit rate, which ranks one query a call (the tests compare).

Only a study's own report is the right one: that of another study with the very same words is not, and the two, which
tie, share the hit.

Precision by label. GLoRIA (Huang et al., ICCV 2021) retrieves reports for images of CheXpert 5x200, which have one
finding each, and takes the share of the first k that are of the query's class. Here a study has any number of findings:
a candidate counts where it has at least one of the query's findings, which is the same where each has one. The query's
own counterpart is among the candidates, and counts. Queries without a finding do not count; an unknown label is none.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from src.core.case_keys import CaseKeys
from src.evaluation.cases import Values
from src.evaluation.estimate import Estimate
from src.evaluation.measure import estimate, measure
from src.evaluation.patient_counts import PatientCount, PatientCounts
from src.evaluation.resample import SEED, draw_weights

DIRECTIONS = ("image_to_text", "text_to_image")

# Cosines closer than this are one score: float32 embeddings do not tell them apart.
_SAME_SCORE = 1e-6
_SCORES_AT_ONCE = 2_000_000


def retrieval_cases(
    image_ND: Tensor, text_ND: Tensor, label_NF: Tensor, keys: CaseKeys, *, ks: Sequence[int]
) -> Values:
    """For each study in both directions: found among the first k, its rank, and the precision among the first k.

    Row n of ``image_ND`` belongs to row n of ``text_ND``; both L2-normalised. ``label_NF``: 1 present, 0 absent, NaN
    unknown. A k above N counts as N. Ranks start at 1. Names: ``image_to_text_recall_at_10``,
    ``image_to_text_mean_rank`` (each query's rank), ``image_to_text_precision_at_10``, and so on; no precision where
    no study has a finding.
    """
    ks = list(dict.fromkeys(ks))
    columns: dict[str, Tensor] = {}
    for name, (better_N, equal_N) in zip(DIRECTIONS, count_rivals(image_ND, text_ND), strict=True):
        for k in ks:
            columns[f"{name}_recall_at_{k}"] = (k - better_N).clamp(min=0).minimum(equal_N) / equal_N
        columns[f"{name}_mean_rank"] = better_N + (equal_N + 1) / 2
    if (label_NF == 1).any():
        for name, pair in zip(DIRECTIONS, ((image_ND, text_ND), (text_ND, image_ND)), strict=True):
            precision_NK = precision_at(*pair, label_NF, ks=ks)
            columns |= {f"{name}_precision_at_{k}": precision_NK[:, i] for i, k in enumerate(ks)}
    return Values(keys=keys, names=tuple(columns), value_NM=torch.stack(list(columns.values()), dim=1))


def retrieval_figures(
    cases: Values, label_NF: Tensor, *, ks: Sequence[int], resamples: int
) -> dict[str, Estimate | float | int]:
    """``retrieval/...``: the means of ``cases`` with their intervals, median ranks, and what chance would give.

    ``label_NF``: as ``retrieval_cases`` had it. An interval is over the queries; the candidates stay the same. Names
    beside those of ``cases``: ``retrieval/image_to_text_median_rank``, ``retrieval/chance_recall_at_10``,
    ``retrieval/chance_median_rank``, ``retrieval/chance_precision_at_10``, and so on.
    """
    means = measure(cases, group="retrieval", resamples=resamples)
    weight_RN = draw_weights(cases.keys.group_N, resamples=resamples, seed=SEED) if resamples else None
    figures: dict[str, Estimate | float | int] = {}
    for name, figure in means.items():
        if name.endswith("_mean_rank"):
            rank_N = cases.value_NM[:, cases.names.index(name.partition("/")[2])]
            patients = PatientCounts(cases).of(name.partition("/")[2])
            figures[name.replace("_mean_", "_median_")] = _median(rank_N, weight_RN, patients)
        figures[name] = figure
    count = len(cases.keys)
    for rank in ("median", "mean"):
        figures[f"retrieval/chance_{rank}_rank"] = (count + 1) / 2
    for k in ks:
        figures[f"retrieval/chance_recall_at_{k}"] = min(k, count) / count
    if any("precision" in name for name in cases.names):
        figures |= dict.fromkeys([f"retrieval/chance_precision_at_{k}" for k in ks], _chance_precision(label_NF))
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


def precision_at(query_ND: Tensor, candidate_ND: Tensor, label_NF: Tensor, *, ks: Sequence[int]) -> Tensor:
    """The share of each query's first k candidates that have a finding of its own, float64 (N, K).

    NaN for a query without a finding. Candidates that tie with the k-th share the places left, as the mean over all
    orders has it.
    """
    count = len(label_NF)
    ks = [min(k, count) for k in ks]
    query_ND, candidate_ND, has_NF = query_ND.double(), candidate_ND.double(), (label_NF == 1).double()
    parts = []
    chunk = max(1, _SCORES_AT_ONCE // count)
    for query_BD, has_BF in zip(query_ND.split(chunk), has_NF.split(chunk), strict=True):
        score_BN = query_BD @ candidate_ND.T
        relevant_BN = has_BF @ has_NF.T > 0
        first_BK = score_BN.topk(max(ks), dim=1).values[:, [k - 1 for k in ks]]
        parts.append(torch.stack([_share(score_BN, relevant_BN, *one) for one in zip(first_BK.T, ks, strict=True)], 1))
    has_any_N1 = has_NF.any(dim=1, keepdim=True)
    return torch.cat(parts).where(has_any_N1, torch.nan)


def _share(score_BN: Tensor, relevant_BN: Tensor, last_B: Tensor, k: int) -> Tensor:
    """The expected share of relevant candidates among the first k, whose last scores ``last_B``."""
    above_BN = score_BN > last_B[:, None] + _SAME_SCORE
    equal_BN = (score_BN >= last_B[:, None] - _SAME_SCORE) & ~above_BN
    above_B, equal_B = above_BN.sum(dim=1), equal_BN.sum(dim=1)
    sure_B, shared_B = (above_BN & relevant_BN).sum(dim=1), (equal_BN & relevant_BN).sum(dim=1)
    return (sure_B + (k - above_B) * shared_B.double() / equal_B) / k


def _chance_precision(label_NF: Tensor) -> float:
    """The share of candidates that have a finding of the query's, over the queries that have one."""
    has_NF = (label_NF == 1).double()
    has_NF = has_NF[has_NF.any(dim=1)]
    chunk = max(1, _SCORES_AT_ONCE // len(has_NF))
    relevant = sum(int((has_BF @ has_NF.T > 0).sum()) for has_BF in has_NF.split(chunk))
    return relevant / len(has_NF) / len(label_NF)


def _median(rank_N: Tensor, weight_RN: Tensor | None, patients: PatientCount) -> Estimate:
    """The median rank, between the middle two of an even number, and the interval of the resamples' medians."""
    value = float(rank_N.quantile(0.5))
    if weight_RN is None:
        return Estimate(value)
    rank_N, order_N = rank_N.sort()
    below_RN = weight_RN[:, order_N].double().cumsum(dim=1)
    half_R1 = below_RN[:, -1:] / 2
    lower_R1 = torch.searchsorted(below_RN, half_R1)
    upper_R1 = torch.searchsorted(below_RN, half_R1, right=True)
    median_R = (rank_N[lower_R1] + rank_N[upper_R1]).flatten() / 2
    return estimate(value, median_R, patients)
