"""Heat maps of the findings that a report names: which words they are, and where each of them looks.

Axes: T words, P patches, D embedding width, H and W pixels.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from src.core.batch import PairBatch
from src.data.caption_sentences import caption_sentences, clean_words
from src.data.datamodule import PairDataModule
from src.data.sources import BoxedTable, Split
from src.evaluation.attention_map import word_region_similarity
from src.evaluation.finding_terms import SHIPPED, FindingTerms, Mention, read_terms
from src.models.alignment import AlignmentModel
from src.models.text.tokenizer import ReportTokenizer
from src.pictures.heatmap import WordMap

_log = logging.getLogger(__name__)
_MAPS = 5
_PHRASES = 4
# Of the word-to-patch attention that token alignment trains, as published.
_TEMPERATURE = 0.1
_UNKNOWN = {"[UNK]", "<unk>"}


class Phrase(NamedTuple):
    """Words of a report that name a finding; ``at``: where they stand among those that the text encoder sees."""

    text: str
    at: Mention


def report_terms(finding_terms: str, datamodule: PairDataModule) -> FindingTerms:
    """Read the list of terms, ``shipped`` or a file, cleaned as this run's captions are."""
    path = SHIPPED if finding_terms == "shipped" else Path(finding_terms)
    return read_terms(
        path, datamodule.source.finding_names, clean=lambda text: " ".join(clean_words(text, datamodule.rules))
    )


def word_maps(
    model: AlignmentModel,
    batch: PairBatch,
    datamodule: PairDataModule,
    split: Split,
    terms: FindingTerms,
    titles: Sequence[str],
) -> list[WordMap]:
    """The maps of up to five studies of a batch, the first whose reports name findings; none where no report does."""
    chosen: dict[int, list[Phrase]] = {}
    tokenizer = model.text_encoder.tokenizer
    for number in range(len(batch)):
        tokens = batch.token_BL[number][batch.token_mask_BL[number]].tolist()
        if found := choose_phrases(_phrases(datamodule, split, number, terms, tokenizer, tokens)):
            chosen[number] = found
        if len(chosen) == _MAPS:
            break
    if not chosen:
        _log.warning(
            "No heat maps: none of the first %d reports of the %s split names a finding of the list; give your own "
            "words by task.finding_terms=FILE (%s shows the form).",
            len(batch),
            split,
            SHIPPED,
        )
        return []
    return _maps(model, batch, datamodule, split, chosen, titles)


def _maps(
    model: AlignmentModel,
    batch: PairBatch,
    datamodule: PairDataModule,
    split: Split,
    chosen: dict[int, list[Phrase]],
    titles: Sequence[str],
) -> list[WordMap]:
    device = next(model.parameters()).device
    model.eval()
    row_B = torch.tensor(list(chosen))
    with torch.inference_mode():
        image = model.embed_images(batch.image_BCHW[row_B].to(device))
        text = model.embed_texts(batch.token_BL[row_B].to(device), batch.token_mask_BL[row_B].to(device))
    pixels = pixels_of(batch, datamodule)
    maps = []
    for place, (number, phrases) in enumerate(chosen.items()):
        weight_TP = word_region_similarity(image.local_BPD[place], text.local_BTD[place], _TEMPERATURE).cpu()
        # published rules may show the model fewer words than the report has
        seen = int(text.mask_BT[place].sum())
        shown = [phrase for phrase in phrases if phrase.at.stop <= seen]
        weights = [weight_TP[phrase.at.start : phrase.at.stop].mean(dim=0).numpy() for phrase in shown]
        maps.append(
            WordMap(
                image_HW=pixels[number],
                title=titles[number],
                words=[phrase.text for phrase in shown],
                negated=[phrase.at.negated for phrase in shown],
                weight_TP=np.array(weights).reshape(len(shown), -1),
                grid=image.grid,
                boxes=_boxes(datamodule, split, number),
            )
        )
    return maps


def choose_phrases(phrases: Sequence[Phrase]) -> list[Phrase]:
    """Up to four phrases, each finding once as stated and once as denied: those stated first, in the text's order."""
    once: dict[tuple[str, bool], Phrase] = {}
    for phrase in phrases:
        once.setdefault((phrase.at.finding, phrase.at.negated), phrase)
    return sorted(once.values(), key=lambda phrase: (phrase.at.negated, phrase.at.start))[:_PHRASES]


def _phrases(
    datamodule: PairDataModule,
    split: Split,
    position: int,
    terms: FindingTerms,
    tokenizer: ReportTokenizer,
    tokens: Sequence[int],
) -> list[Phrase]:
    """The findings of a report by the positions of their words among those that the text encoder sees.

    Words that the vocabulary does not know have no map.
    """
    pairs = datamodule.split(split)
    report = pairs.table.report(int(pairs.index_K[position]))
    sentences = caption_sentences(pairs.captions[position], report, datamodule.rules)
    words = [word for sentence in sentences for word in sentence]
    seen = tokenizer.words(tokens)[:-1]
    # a decimal is one word of the caption and several of the encoder
    encoded = tokenizer.encode(words, max_tokens=datamodule.max_tokens)
    end_T = np.cumsum([0, *(len(tokenizer.words(ids)) - 1 for ids in encoded)])
    found = []
    for mention in terms.mentions(sentences):
        start, stop = int(end_T[mention.start]), int(end_T[mention.stop])
        if stop <= len(seen) and not _UNKNOWN & set(seen[start:stop]):
            text = " ".join(words[mention.start : mention.stop])
            found.append(Phrase(text, mention._replace(start=start, stop=stop)))
    return found


def pixels_of(batch: PairBatch, datamodule: PairDataModule) -> list[np.ndarray]:
    """The images of a batch as the model sees them, grey uint8 (H, W)."""
    transform = datamodule.eval_transform
    grey_BHW = batch.image_BCHW[:, 0] * transform.std + transform.mean
    return list(grey_BHW.mul(255).round().clamp(0, 255).byte().numpy())


def _boxes(datamodule: PairDataModule, split: Split, position: int) -> list[tuple[str, list[float]]]:
    """The true boxes of a study as the model saw it, where the data set knows them."""
    pairs = datamodule.split(split)
    if not isinstance(pairs.table, BoxedTable):
        return []
    index = int(pairs.index_K[position])
    boxes, image_HW = pairs.table.boxes(index), pairs.table.image(index)
    seen = datamodule.eval_transform.annotated(
        image_HW,
        mask_MHW=np.zeros((0, *image_HW.shape), dtype=np.uint8),
        box_N4=np.array([box for _, box in boxes]).reshape(-1, 4),
        seed=0,
    )
    names = [boxes[kept][0].replace("_", " ") for kept in seen.kept_N]
    return [(name, box.tolist()) for name, box in zip(names, seen.box_N4, strict=True)]
