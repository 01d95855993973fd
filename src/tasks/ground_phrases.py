"""One pass over the images of a split: every phrase's heat, held against the region that it names.

Axes: B images of a batch, I those of them that have phrases, Q phrases, U different captions, T words, P patches,
D embedding width, H and W pixels, M measures, L tokens.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from src.core.errors import UserError
from src.data.collate import pad_tokens
from src.data.datamodule import PairDataModule
from src.data.phrase_regions import Region, seen_regions
from src.data.phrases import Phrase
from src.data.report import caption_of_report
from src.data.sources import GroundedTable, PairTable, Split
from src.data.unknown_tokens import CheckedTokenizer
from src.evaluation.attention_map import Heat, phrase_heat
from src.evaluation.embed import autocast
from src.evaluation.grounding import MAP_MEASURES, map_measures
from src.models.alignment import AlignmentModel

_AT_ONCE = 64


class Target(NamedTuple):
    """A phrase to ground: its pair's place in the split, what the encoder reads of it, and its pixels in the image."""

    position: int
    text: str
    caption: str
    category: str
    region_HW: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Phrases in the order of the split, and how many were left out: nothing left to read, no pixel left to find."""

    found: Sequence[Target]
    unread: int
    unseen: int


class Shown(NamedTuple):
    """What a picture shows of a phrase: the grey image as the model saw it, and the heat of its patches, (P,)."""

    image_HW: np.ndarray
    heat_P: np.ndarray
    grid: tuple[int, int]


class Grounded(NamedTuple):
    """``measure_QM``: ``map_measures`` of each phrase, float64 on the CPU. ``shown``: by the phrase's number. ``grid``:
    rows and columns of the encoder's map.
    """

    measure_QM: Tensor
    shown: dict[int, Shown]
    grid: tuple[int, int]


class Texts(NamedTuple):
    """Captions as the model sees them; ``mask_UT`` is true at words, and at no mark of begin, end or padding."""

    word_UTD: Tensor
    mask_UT: Tensor
    global_UD: Tensor

    def take(self, text_Q: Tensor) -> "Texts":
        """Those at ``text_Q``, in that order."""
        return Texts(*(part[text_Q] for part in self))


def find_targets(datamodule: PairDataModule, name: Split, *, region: Region) -> Targets:
    """The phrases of a split's kept pairs.

    Raises UserError where the data set has no phrases, or none of them is left, and for
    phrases in words that the vocabulary does not know.
    """
    if not isinstance(datamodule.source.table(name), GroundedTable):
        raise UserError(
            "this data set has no phrases that name regions, so nothing can be grounded; the phantom and MS-CXR have: "
            "give dataset=phantom or dataset=ms_cxr"
        )
    split = datamodule.split(name)
    found: list[Target] = []
    left_out: Counter[str] = Counter()
    for position, index in enumerate(split.index_K.tolist()):
        assert isinstance(split.table, GroundedTable)
        phrases = split.table.phrases(index)
        cleaned = [(phrase, caption_of_report(phrase.text, datamodule.rules)) for phrase in phrases]
        read = [(phrase, caption) for phrase, caption in cleaned if caption is not None]
        left_out["unread"] += len(cleaned) - len(read)
        if not read:
            continue
        shape = image_shape([phrase for phrase, _ in read], split.table, index)
        seen_QHW = seen_regions([phrase for phrase, _ in read], shape, datamodule.eval_transform, region=region)
        for (phrase, caption), region_HW in zip(read, seen_QHW, strict=True):
            if region_HW.any():
                found.append(Target(position, phrase.text, caption, phrase.category, region_HW))
            else:
                left_out["unseen"] += 1
    if not found:
        raise UserError(
            f"the {name} split has no phrase to ground: {left_out['unread']} hold too few words under the "
            f"{datamodule.rules} rules, {left_out['unseen']} name a region that the transform leaves out; check "
            "dataset, splits and transform, or set task.judge_on"
        )
    if datamodule.tokenizer is not None:
        tokenizer = CheckedTokenizer(datamodule.tokenizer, texts="the phrases", limit=datamodule.max_unknown_tokens)
        tokenizer.encode([target.caption for target in found], max_tokens=datamodule.max_tokens)
    return Targets(found=found, unread=left_out["unread"], unseen=left_out["unseen"])


def ground_phrases(
    model: AlignmentModel,
    datamodule: PairDataModule,
    name: Split,
    targets: Sequence[Target],
    *,
    heat: Heat,
    temperature: float,
    show: Collection[int],
    precision: str,
) -> Grounded:
    """Ground each of ``targets``; keep what to show of those in ``show``.

    ``targets`` in the order of the split. Each image that has phrases and each different caption is embedded once, in
    eval mode, where the model is; its training mode is restored after. Raises UserError where heat is not finite.
    """
    was_training = model.training
    model.eval()
    shown: dict[int, Shown] = {}
    grid = (0, 0)
    try:
        with torch.inference_mode():
            parts = []
            for heats in _heats(
                model, datamodule, name, targets, heat=heat, temperature=temperature, precision=precision
            ):
                last, grid = heats.first + len(heats.heat_QP), heats.grid
                parts.append(_measured(heats, targets[heats.first : last], stretch=heat == "attention"))
                chosen = sorted(set(show) & set(range(heats.first, last)))
                shown |= {number: _shown(heats, number - heats.first, datamodule) for number in chosen}
    finally:
        model.train(was_training)
    measure_QM = torch.cat(parts)
    _refuse_not_finite(measure_QM, targets, datamodule, name)
    return Grounded(measure_QM, shown, grid)


def embed_captions(model: AlignmentModel, captions: Sequence[str], *, max_tokens: int, precision: str) -> Texts:
    """The words and the whole of each caption, in the model's mode and where it is; call it without gradients."""
    tokenizer = model.text_encoder.tokenizer
    tokens = tokenizer.encode(captions, max_tokens=max_tokens)
    # published rules read all tokens but the last: one of padding keeps them from losing a word
    width = min(max(map(len, tokens)) + 1, max_tokens)
    token_UL, seen_UL = map(torch.from_numpy, pad_tokens([np.array(ids) for ids in tokens], tokenizer.pad_id, width))
    device = next(model.parameters()).device
    with autocast(device, precision):
        parts = [
            model.embed_texts(token_uL.to(device), seen_uL.to(device))
            for token_uL, seen_uL in zip(token_UL.split(_AT_ONCE), seen_UL.split(_AT_ONCE), strict=True)
        ]
    # the end mark is the last of a caption's words
    count_U1 = torch.tensor([[len(tokenizer.words(ids)) - 1] for ids in tokens], device=device)
    mask_UT = torch.cat([part.mask_BT for part in parts])
    mask_UT &= torch.arange(mask_UT.shape[1], device=device) < count_U1
    return Texts(torch.cat([part.local_BTD for part in parts]), mask_UT, torch.cat([part.global_BD for part in parts]))


class _Heats(NamedTuple):
    """The heat of the phrases of one batch, the first of which is number ``first``; ``place_Q``: each one's image."""

    first: int
    heat_QP: Tensor
    grid: tuple[int, int]
    image_BHW: Tensor
    place_Q: Tensor


def _heats(
    model: AlignmentModel,
    datamodule: PairDataModule,
    name: Split,
    targets: Sequence[Target],
    *,
    heat: Heat,
    temperature: float,
    precision: str,
) -> Iterator[_Heats]:
    captions = list(dict.fromkeys(target.caption for target in targets))
    number_of = {caption: number for number, caption in enumerate(captions)}
    text_Q = torch.tensor([number_of[target.caption] for target in targets])
    position_Q = torch.tensor([target.position for target in targets])
    device = next(model.parameters()).device
    texts = embed_captions(model, captions, max_tokens=datamodule.max_tokens, precision=precision)
    start = 0
    for pixels in datamodule.judging_dataloader(name):
        first, last = torch.searchsorted(position_Q, torch.tensor([start, start + len(pixels)])).tolist()
        place_Q = position_Q[first:last] - start
        start += len(pixels)
        if first == last:
            continue
        image_BCHW = pixels.to(device).image_BCHW
        place_I, owner_Q = place_Q.unique(return_inverse=True)
        with autocast(device, precision):
            image = model.embed_images(image_BCHW[place_I.to(device)])
        own = texts.take(text_Q[first:last].to(device))
        heat_QP = phrase_heat(image.local_BPD[owner_Q.to(device)], *own, heat=heat, temperature=temperature)
        yield _Heats(first, heat_QP, image.grid, image_BCHW[:, 0], place_Q)


def image_shape(phrases: Sequence[Phrase], table: PairTable, index: int) -> tuple[int, int]:
    """Height and width of an image, which need not be read where a mask has them."""
    masks = [phrase.mask_HW for phrase in phrases if phrase.mask_HW is not None]
    height, width = (masks[0] if masks else table.image(index)).shape
    return height, width


def _measured(heats: _Heats, targets: Sequence[Target], *, stretch: bool) -> Tensor:
    region_QHW = torch.from_numpy(np.stack([target.region_HW for target in targets]))
    parts = [
        map_measures(heat_qP, heats.grid, region_qHW.to(heat_qP.device), stretch=stretch)
        for heat_qP, region_qHW in zip(heats.heat_QP.split(_AT_ONCE), region_QHW.split(_AT_ONCE), strict=True)
    ]
    return torch.cat(parts).cpu()


def _shown(heats: _Heats, number: int, datamodule: PairDataModule) -> Shown:
    transform = datamodule.eval_transform
    grey_HW = heats.image_BHW[heats.place_Q[number]] * transform.std + transform.mean
    pixel_HW = grey_HW.mul(255).round().clamp(0, 255).byte()
    return Shown(pixel_HW.cpu().numpy(), heats.heat_QP[number].cpu().numpy(), heats.grid)


def _refuse_not_finite(measure_QM: Tensor, targets: Sequence[Target], datamodule: PairDataModule, name: Split) -> None:
    # nothing is at the peak of heat that is no number
    bad = measure_QM[:, MAP_MEASURES.index("pointing_game")].isnan().nonzero().flatten().tolist()
    if bad:
        split = datamodule.split(name)
        row = split.table.row(int(split.index_K[targets[bad[0]].position]))
        raise UserError(
            f"The heat of {len(bad)} of {len(targets)} phrases (first: row {row}) is not finite, so the model cannot "
            "be judged; choose a checkpoint from before its loss went wrong, or trainer.precision=32-true."
        )
