"""Classification without labels: is an image closer to the sentences that state a finding, or to those that deny it?

Axes: N images, F findings, S sentences, L tokens, D embedding width.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from src.core.case_keys import CaseKeys
from src.core.errors import UserError
from src.data.collate import pad_tokens
from src.data.sources import Tokenizer
from src.evaluation.cases import Scores
from src.evaluation.prompts import Prompts
from src.models.alignment import AlignmentModel

Compare = Literal["auto", "pairs", "classes"]
Ensemble = Literal["embeddings", "mean", "max"]

_log = logging.getLogger(__name__)
_SENTENCES_AT_ONCE = 256
_SCORES_AT_ONCE = 2_000_000
# float64 cannot tell a probability of 1 - exp(-2 / 0.05) from 1, and two scores that became one would tie
_LEAST_TEMPERATURE = 0.05


@dataclass(frozen=True)
class PromptEmbeddings:
    """All sentences of all findings. ``sentence_SD``: float32, L2-normalised, on the CPU. ``group_S``: int64; a
    sentence of group 2f states finding f, one of 2f + 1 denies it.
    """

    names: tuple[str, ...]
    sentence_SD: Tensor
    group_S: Tensor


@dataclass(frozen=True, kw_only=True)
class ZeroShot:
    """How prompts become scores.

    ``compare``: ``pairs`` holds the sentences that state a finding against those that deny it, finding by finding, as
    CheXzero does (Tiu et al., Nature Biomedical Engineering 2022); ``classes`` holds the statements of all findings
    against one another, as the accuracy on CheXpert 5x200 is taken (GLoRIA, Huang et al., ICCV 2021); ``auto`` takes
    classes where the data set's findings exclude one another.
    ``ensemble``: what an image's similarity to several sentences is: ``embeddings``, its cosine with their normalised
    mean (CLIP, CheXzero, BioViL); ``mean`` of the cosines (MedCLIP); the ``max`` of them (GLoRIA).
    ``temperature``: of the softmax over the pair, or over the classes; None leaves differences of similarities, or
    the similarities themselves, which are no probabilities. CheXzero takes 1; the order of a pair's scores is the same
    at any.
    ``standardise``: with ``classes``, each class's similarities less their mean and over their deviation on the judged
    images, before they are compared, as GLoRIA does. It looks at the whole test set, and at how often each class is in
    it; the scores are then no probabilities.
    Raises UserError for a temperature below 0.05, where probabilities become 0 and 1.
    """

    compare: Compare
    ensemble: Ensemble
    temperature: float | None
    standardise: bool

    def __post_init__(self) -> None:
        if self.temperature is not None and not self.temperature >= _LEAST_TEMPERATURE:
            raise UserError(
                f"task.temperature is {self.temperature}, but must be at least {_LEAST_TEMPERATURE}, or null for "
                "scores that are no probabilities"
            )

    def by_classes(self, finding_names: Sequence[str], *, exclusive: bool) -> bool:
        """Whether findings are compared with one another. Raises UserError where the settings do not go together."""
        by_classes = exclusive if self.compare == "auto" else self.compare == "classes"
        if by_classes and len(finding_names) < 2:
            raise UserError(
                f"task.compare=classes needs two findings or more, but there is only {', '.join(finding_names)}; give "
                "task.compare=pairs"
            )
        if self.standardise and not by_classes:
            raise UserError("task.standardise=true goes with task.compare=classes only; give task.standardise=false")
        return by_classes


def prompt_embeddings(
    model: AlignmentModel,
    prompts: Prompts,
    finding_names: Sequence[str],
    *,
    known: Collection[str],
    tokenizer: Tokenizer,
    clean: Callable[[str], str | None],
    max_tokens: int,
) -> PromptEmbeddings:
    """Every sentence of every finding, embedded once.

    ``known``: findings of the data set that were not chosen. ``clean`` is what reports go through before they are
    tokenised. The model runs in eval mode, where it is, and its training mode is restored after. Raises UserError for
    prompts of unknown findings, and for a sentence of which cleaning leaves nothing.
    """
    groups, sentences = _sentences(prompts, finding_names, known, clean)
    if not sentences:
        return PromptEmbeddings((), torch.zeros(0, 0), torch.zeros(0, dtype=torch.int64))
    sentence_SD = _embed(model, tokenizer.encode(sentences, max_tokens=max_tokens), tokenizer.pad_id)
    return PromptEmbeddings(tuple(finding_names), sentence_SD, torch.tensor(groups))


def zero_shot_cases(
    image_ND: Tensor,
    label_NF: Tensor,
    keys: CaseKeys,
    prompt: PromptEmbeddings,
    *,
    exclusive: bool,
    how: ZeroShot,
) -> Scores:
    """The score of each finding for each image.

    ``image_ND`` L2-normalised; ``label_NF``: 1 present, 0 absent, NaN unknown. ``exclusive``: the data set's findings
    are classes of which an image has one. Where classes are compared, images that do not have exactly one are left
    out, and counted in a message.
    Raises UserError where no image is left, or where the settings do not go together.
    """
    label_NF = label_NF.double()
    by_classes = how.by_classes(prompt.names, exclusive=exclusive)
    if by_classes:
        index_M = rows_of_one_class(label_NF)
        _say_left_out(len(label_NF) - len(index_M), len(label_NF))
        image_ND, label_NF, keys = image_ND[index_M], label_NF[index_M], keys.take(index_M)
    score_NF, probabilities = _scores(*similarities(image_ND, prompt, how.ensemble), by_classes, how)
    return Scores(
        keys=keys,
        names=prompt.names,
        score_NF=score_NF,
        label_NF=label_NF,
        exclusive=by_classes,
        probabilities=probabilities,
        threshold_F=None,
    )


def rows_of_one_class(label_NF: Tensor) -> Tensor:
    """The rows, ascending, that have exactly one finding and lack every other; unknown ones may be a second.

    Raises UserError where there is none.
    """
    one_N = (label_NF == 1).sum(dim=1) + label_NF.isnan().sum(dim=1) == 1
    index_M = (one_N & (label_NF == 1).any(dim=1)).nonzero().flatten()
    if not len(index_M):
        raise UserError(
            "no judged image has exactly one of the findings, so that they cannot be compared as classes; give "
            "task.compare=pairs"
        )
    return index_M


def _say_left_out(count: int, whole: int) -> None:
    if count:
        _log.warning(
            "zero_shot: %d of %d images do not have exactly one of the findings, and are left out", count, whole
        )


def similarities(image_ND: Tensor, prompt: PromptEmbeddings, ensemble: Ensemble) -> tuple[Tensor, Tensor]:
    """How close each image is to the sentences that state each finding, and to those that deny it; float64, (N, F)."""
    image_ND, sentence_SD = image_ND.double(), prompt.sentence_SD.double()
    groups = 2 * len(prompt.names)
    if ensemble == "max":
        chunks = image_ND.split(max(1, _SCORES_AT_ONCE // max(1, len(sentence_SD))))
        index_S = prompt.group_S
        close_NG = torch.cat([_largest(chunk_BD @ sentence_SD.T, index_S, groups) for chunk_BD in chunks])
    else:
        total_GD = sentence_SD.new_zeros(groups, sentence_SD.shape[1]).index_add_(0, prompt.group_S, sentence_SD)
        if ensemble == "embeddings":
            mean_GD = torch.nn.functional.normalize(total_GD, dim=1)
        else:
            mean_GD = total_GD / prompt.group_S.bincount(minlength=groups)[:, None]
        close_NG = image_ND @ mean_GD.T
    return close_NG[:, 0::2], close_NG[:, 1::2]


def _scores(states_NF: Tensor, denies_NF: Tensor, by_classes: bool, how: ZeroShot) -> tuple[Tensor, bool]:
    """Scores, and whether they are probabilities."""
    if by_classes and how.standardise:
        return _standardised(states_NF), False
    score_NF = states_NF if by_classes else states_NF - denies_NF
    if how.temperature is None:
        return score_NF, False
    score_NF = score_NF / how.temperature
    # the sigmoid of a difference is the softmax over the two
    return score_NF.softmax(dim=1) if by_classes else score_NF.sigmoid(), True


def _largest(score_BS: Tensor, group_S: Tensor, groups: int) -> Tensor:
    nothing_BG = score_BS.new_full((len(score_BS), groups), -torch.inf)
    return nothing_BG.scatter_reduce(1, group_S.expand_as(score_BS), score_BS, reduce="amax")


def _standardised(score_NF: Tensor) -> Tensor:
    spread_F = score_NF.std(dim=0, correction=0)
    return (score_NF - score_NF.mean(dim=0)) / spread_F.where(spread_F > 0, 1)


def _sentences(
    prompts: Prompts, finding_names: Sequence[str], known: Collection[str], clean: Callable[[str], str | None]
) -> tuple[list[int], list[str]]:
    """All sentences cleaned, each with its group."""
    groups, sentences = [], []
    for number, (name, pair) in enumerate(prompts.for_findings(finding_names, known=known).items()):
        for denies, side in enumerate(pair._fields):
            for text in getattr(pair, side):
                cleaned = clean(text)
                if not cleaned:
                    raise UserError(
                        f'prompts.findings.{name}.{side}: cleaning leaves nothing of "{text}"; write a sentence of at '
                        "least three words."
                    )
                groups.append(2 * number + denies)
                sentences.append(cleaned)
    return groups, sentences


def _embed(model: AlignmentModel, tokens: list[list[int]], pad_id: int) -> Tensor:
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    parts = []
    try:
        with torch.inference_mode():
            for first in range(0, len(tokens), _SENTENCES_AT_ONCE):
                chunk = [np.array(sentence) for sentence in tokens[first : first + _SENTENCES_AT_ONCE]]
                token_SL, mask_SL = pad_tokens(chunk, pad_id, None)
                text = model.embed_texts(torch.from_numpy(token_SL).to(device), torch.from_numpy(mask_SL).to(device))
                parts.append(text.global_BD.float().cpu())
    finally:
        model.train(was_training)
    return torch.cat(parts)
