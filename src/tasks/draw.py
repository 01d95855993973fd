"""The pictures of a finished run: training curves, samples, word-to-region maps, prototype usage.

Axes: T words, P patches, D embedding width, H and W pixels.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import torch

from src.core.batch import PairBatch
from src.data.datamodule import PairDataModule
from src.data.sources import BoxedTable, Split
from src.evaluation.attention_map import word_region_similarity
from src.evaluation.estimate import value_of
from src.models.alignment import AlignmentModel
from src.pictures.heatmap import WordMap, draw_word_maps
from src.pictures.prototypes import draw_prototype_usage
from src.pictures.samples import draw_samples
from src.pictures.training_curves import draw_training_curves
from src.tasks.heading import Heading
from src.tasks.judge import Verdict

_SAMPLES = 8
_MAPS = 5
_WORDS = 4
# Of the word-to-patch attention that token alignment trains, as published.
_TEMPERATURE = 0.1


def draw_pictures(
    model: AlignmentModel, datamodule: PairDataModule, verdict: Verdict, heading: Heading, run_dir: Path
) -> list[Path]:
    """Draw what the run can show into ``run_dir/pictures``; the files drawn."""
    folder = run_dir / "pictures"
    batch = next(iter(datamodule.judging_dataloader(verdict.split))).to("cpu")
    drawn = [folder / "samples.png", folder / "heatmaps.png"]
    count = min(_SAMPLES, len(batch))
    draw_samples(
        _pixels(batch, datamodule)[:count],
        datamodule.captions(verdict.split)[:count],
        drawn[0],
        title=f"{count} of {heading.cases}",
        titles=_findings(batch, datamodule)[:count],
    )
    maps = _word_maps(model, batch, datamodule, verdict.split)
    draw_word_maps(maps, drawn[1], title=f"{len(maps)} of {heading.title}")
    if (run_dir / "metrics.csv").is_file():
        drawn.append(folder / "curves.png")
        draw_training_curves(run_dir / "metrics.csv", drawn[-1], title=f"Training of {heading.model.title}")
    if verdict.usage is not None:
        drawn.append(folder / "prototypes.png")
        draw_prototype_usage(
            verdict.usage.image_count_K.numpy(),
            verdict.usage.text_count_K.numpy(),
            drawn[-1],
            agreement=value_of(verdict.figures["prototypes/agreement"]),
            chance_agreement=value_of(verdict.figures["prototypes/chance_agreement"]),
            title=heading.title,
        )
    return drawn


def _pixels(batch: PairBatch, datamodule: PairDataModule) -> list[np.ndarray]:
    transform = datamodule.eval_transform
    grey_BHW = batch.image_BCHW[:, 0] * transform.std + transform.mean
    return list(grey_BHW.mul(255).round().clamp(0, 255).byte().numpy())


def _findings(batch: PairBatch, datamodule: PairDataModule) -> list[str]:
    names = datamodule.source.finding_names
    return [
        ", ".join(name.replace("_", " ") for name, value in zip(names, label_F, strict=True) if value == 1)
        for label_F in batch.label_BF.tolist()
    ]


def _word_maps(model: AlignmentModel, batch: PairBatch, datamodule: PairDataModule, split: Split) -> list[WordMap]:
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        image = model.embed_images(batch.image_BCHW[:_MAPS].to(device))
        text = model.embed_texts(batch.token_BL[:_MAPS].to(device), batch.token_mask_BL[:_MAPS].to(device))
    spoken = {word.lower() for name in datamodule.source.finding_names for word in re.split(r"[\W_]+", name)}
    maps = []
    for number, image_HW in enumerate(_pixels(batch, datamodule)[:_MAPS]):
        tokens = batch.token_BL[number][batch.token_mask_BL[number]].tolist()
        words = model.text_encoder.tokenizer.words(tokens)[: int(text.mask_BT[number].sum())]
        weight_TP = word_region_similarity(image.local_BPD[number], text.local_BTD[number], _TEMPERATURE)
        chosen = choose_words(weight_TP[: len(words)].cpu(), words, spoken)
        maps.append(
            WordMap(
                image_HW=image_HW,
                words=[words[index] for index in chosen],
                weight_TP=weight_TP[chosen].cpu().numpy(),
                grid=image.grid,
                boxes=_boxes(datamodule, split, number),
            )
        )
    return maps


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


def choose_words(weight_TP: torch.Tensor, words: Sequence[str], spoken: Collection[str]) -> list[int]:
    """Positions of up to four different words of more than three letters, in text order.

    Words that name a finding (``spoken``) come first, then those whose attention is most concentrated.
    """
    peak_T = weight_TP.amax(dim=1)
    order = sorted(range(len(words)), key=lambda index: (words[index] not in spoken, -float(peak_T[index])))
    chosen: dict[str, int] = {}
    for index in order:
        if len(words[index]) > 3 and words[index].isalpha() and len(chosen) < _WORDS:
            chosen.setdefault(words[index], index)
    return sorted(chosen.values())
