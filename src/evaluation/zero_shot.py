"""Classification without labels: is an image closer to the sentences that state a finding, or to those that deny it?

Axes: N images, F findings, S sentences, L tokens, D embedding width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from src.core.errors import UserError
from src.data.collate import pad_tokens
from src.evaluation.auroc import finding_auroc
from src.evaluation.prompts import Prompts
from src.models.alignment import AlignmentModel
from src.models.text.tokenizer import ReportTokenizer


@dataclass(frozen=True)
class PromptEmbeddings:
    """``positive_FD`` states each finding, ``negative_FD`` denies it; L2-normalised, float32, on the CPU."""

    positive_FD: Tensor
    negative_FD: Tensor


def prompt_embeddings(
    model: AlignmentModel,
    prompts: Prompts,
    finding_names: Sequence[str],
    *,
    tokenizer: ReportTokenizer,
    clean: Callable[[str], str | None],
    max_tokens: int,
) -> PromptEmbeddings:
    """One vector for the presence and one for the absence of each finding: the normalised mean over its sentences.

    ``clean`` is what reports go through before they are tokenised. The model runs in eval mode, where it is, and its
    training mode is restored after. Raises UserError for prompts of unknown findings, and for a sentence of which
    cleaning leaves nothing.
    """
    keys, sentences = _sentences(prompts, finding_names, clean)
    if not keys:
        nothing_FD = torch.zeros(0, 0)
        return PromptEmbeddings(nothing_FD, nothing_FD)
    sentence_SD = _embed(model, tokenizer.encode(sentences, max_tokens=max_tokens), tokenizer.pad_id)
    group_S = torch.tensor(keys)
    total_GD = torch.zeros(2 * len(finding_names), sentence_SD.shape[1]).index_add_(0, group_S, sentence_SD)
    mean_GD = torch.nn.functional.normalize(total_GD, dim=1)
    return PromptEmbeddings(positive_FD=mean_GD[0::2], negative_FD=mean_GD[1::2])


def zero_shot_scores(image_ND: Tensor, prompt: PromptEmbeddings) -> Tensor:
    """How much closer each image is to a finding's presence than to its absence, (N, F).

    The difference of the two cosines. A softmax over the two at any temperature is a growing function of that
    difference, the same one for every image, so its AUROC is the same and no temperature has to be chosen.
    """
    return image_ND @ (prompt.positive_FD - prompt.negative_FD).T


def zero_shot_auroc(
    image_ND: Tensor, label_NF: Tensor, prompt: PromptEmbeddings, finding_names: Sequence[str]
) -> dict[str, float]:
    """``zero_shot/auroc/<finding>``, ``zero_shot/auroc_mean`` and ``zero_shot/findings``; see ``finding_auroc``.

    Nothing where the data set has no findings.
    """
    if not finding_names:
        return {}
    return finding_auroc(zero_shot_scores(image_ND, prompt), label_NF, finding_names, prefix="zero_shot")


def _sentences(
    prompts: Prompts, finding_names: Sequence[str], clean: Callable[[str], str | None]
) -> tuple[list[int], list[str]]:
    """All sentences cleaned, each with its group: 2f states finding f, 2f + 1 denies it."""
    keys, sentences = [], []
    for number, (name, pair) in enumerate(prompts.for_findings(finding_names).items()):
        for denies, side in enumerate(pair._fields):
            for text in getattr(pair, side):
                cleaned = clean(text)
                if not cleaned:
                    raise UserError(
                        f'prompts.findings.{name}.{side}: cleaning leaves nothing of "{text}"; write a sentence of at '
                        "least three words."
                    )
                keys.append(2 * number + denies)
                sentences.append(cleaned)
    return keys, sentences


def _embed(model: AlignmentModel, tokens: list[list[int]], pad_id: int) -> Tensor:
    token_SL, mask_SL = pad_tokens([np.array(sentence) for sentence in tokens], pad_id, None)
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            text = model.embed_texts(torch.from_numpy(token_SL).to(device), torch.from_numpy(mask_SL).to(device))
    finally:
        model.train(was_training)
    return text.global_BD.float().cpu()
