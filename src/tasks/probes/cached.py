"""The linear probe on features that are computed once: fractions, seeds and learning rates from one pass.

Axes: H heads, N images, E feature width, F findings or classes.
"""

import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from src.core.durations import duration
from src.core.errors import UserError
from src.core.output import print_lines
from src.core.ranges import Betas, PositiveFraction, Seed
from src.data.datamodule import PairDataModule
from src.data.sources import Split
from src.evaluation.features import Features, extract
from src.heads.objective import probabilities
from src.tasks.probes.fit import Fit, ProbeInput, refuse_one_sided
from src.tasks.probes.heads import FittedHeads, Recipe, fit_heads


class _Cell(NamedTuple):
    fraction: float
    seed: int
    index_N: np.ndarray


class CachedProbe:
    """Fits a head for each of ``fractions`` and ``seeds`` as the published protocol does, but without augmentation.

    A seed says which images train at a fraction, where the head starts and in which order it sees them. Of several
    ``lrs`` each head takes that of its lowest validation loss. ``drop_last``: neither training nor the validation loss
    sees the last incomplete batch, unless it is the only one.
    """

    trains_by_steps: ClassVar[bool] = False

    def __init__(
        self,
        *,
        fractions: Annotated[Sequence[PositiveFraction], Field(min_length=1)],
        seeds: Annotated[Sequence[Seed], Field(min_length=1)],
        lrs: Annotated[Sequence[PositiveFloat], Field(min_length=1)],
        weight_decay: NonNegativeFloat,
        betas: Betas,
        batch_size: PositiveInt,
        drop_last: bool,
        max_epochs: PositiveInt,
        patience: PositiveInt,
    ) -> None:
        for name, values in (("fractions", fractions), ("seeds", seeds), ("lrs", lrs)):
            if not values or len(set(values)) < len(values):
                raise UserError(f"probe.{name}={list(values)} is empty or repeats a value; give each once.")
        if not all(0 < fraction <= 1 for fraction in fractions):
            raise UserError(f"probe.fractions={list(fractions)}: each must be above 0 and at most 1.")
        self.fractions = fractions
        self.seeds = seeds
        self.lrs = lrs
        self.weight_decay = weight_decay
        self.betas = (betas[0], betas[1])
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.max_epochs = max_epochs
        self.patience = patience

    @property
    def said(self) -> str:
        """What was trained, as a sentence for the heading of a table."""
        return "The encoder was frozen; heads were trained on features of images without augmentation."

    def __call__(self, given: ProbeInput) -> list[Fit]:
        """One fit a fraction and seed; see ``Probe``. Raises UserError where a fraction is too small to learn from."""
        datamodule = given.datamodule
        if datamodule.fraction != 1:
            raise UserError(
                f"probe=cached takes its fractions from probe.fractions; leave datamodule.fraction at 1 and give "
                f"probe.fractions=[{datamodule.fraction}]."
            )
        cells = self._cells(datamodule)
        trainer = given.make_trainer()
        device = trainer.strategy.root_device
        encoder = given.encoder.to(device)

        def features(split: Split) -> Features:
            loader = datamodule.judging_dataloader(split)
            return extract(encoder, loader, device=device, precision=trainer.precision).to(device)

        train, val = features("train"), features("val")
        judged = val if given.judge_on == "val" else features(given.judge_on)
        other = "" if given.judge_on == "val" else f", {len(judged)} {given.judge_on}"
        print_lines(f"features  of {len(train)} train, {len(val)} val{other} images, computed once; {len(cells)} heads")
        fits = []
        # heads with as many images take their steps together
        for _, group in groupby(sorted(cells, key=lambda cell: len(cell.index_N)), key=lambda cell: len(cell.index_N)):
            fits += self._fit(list(group), train, val, judged, given.make_head, exclusive=datamodule.source.exclusive)
        order = [(cell.fraction, cell.seed) for cell in cells]
        return sorted(fits, key=lambda fit: order.index((fit.settings["datamodule.fraction"], fit.settings["seed"])))

    def _cells(self, datamodule: PairDataModule) -> list[_Cell]:
        label_NF = torch.from_numpy(datamodule.split("train").label_KF)
        cells = [
            _Cell(fraction, seed, datamodule.training_subset(fraction, seed))
            for fraction in self.fractions
            for seed in self.seeds
        ]
        for cell in cells:
            refuse_one_sided(label_NF[cell.index_N], f"probe.fractions={cell.fraction} at seed {cell.seed}")
        return cells

    def _fit(
        self,
        cells: list[_Cell],
        train: Features,
        val: Features,
        judged: Features,
        make_head: Callable[..., nn.Module],
        *,
        exclusive: bool,
    ) -> list[Fit]:
        index_HN = torch.from_numpy(np.stack([cell.index_N for cell in cells])).to(train.feature_NE.device)
        widths = {"in_dim": train.feature_NE.shape[1], "classes": train.label_NF.shape[1]}
        began = time.monotonic()
        fitted = [
            fit_heads(
                [_seeded(make_head, cell.seed, widths) for cell in cells],
                train,
                index_HN,
                val,
                recipe=Recipe(
                    lr=lr,
                    weight_decay=self.weight_decay,
                    betas=self.betas,
                    batch_size=self.batch_size,
                    drop_last=self.drop_last,
                    max_epochs=self.max_epochs,
                    patience=self.patience,
                    exclusive=exclusive,
                ),
                generators=[torch.Generator().manual_seed(cell.seed) for cell in cells],
            )
            for lr in self.lrs
        ]
        print_lines(*_lines(index_HN.shape[1], self.lrs, fitted, time.monotonic() - began))
        chosen_H = torch.stack([heads.val_loss_H for heads in fitted]).argmin(dim=0).tolist()

        def predict(heads: FittedHeads, features: Features, head: int) -> Tensor:
            return probabilities(heads.logits(features.feature_NE, head), exclusive=exclusive).cpu()

        return [
            Fit(
                settings={"datamodule.fraction": cell.fraction, "seed": cell.seed},
                chosen={"learning_rate": self.lrs[lr]} if len(self.lrs) > 1 else {},
                val_NF=predict(fitted[lr], val, head),
                judged_NF=predict(fitted[lr], judged, head),
                train_NF=train.label_NF[index_HN[head]].cpu(),
            )
            for head, (cell, lr) in enumerate(zip(cells, chosen_H, strict=True))
        ]


def _seeded(make_head: Callable[..., nn.Module], seed: int, widths: dict[str, int]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make_head(**widths)


def _lines(images: int, lrs: Sequence[float], fitted: Sequence[FittedHeads], seconds: float) -> list[str]:
    """One line per learning rate: what the heads of one number of images came to."""
    lines = []
    for lr, heads in zip(lrs, fitted, strict=True):
        loss_H, epoch_H = heads.val_loss_H.tolist(), heads.best_epoch_H.tolist()
        loss, epoch = _range([f"{loss:.4f}" for loss in sorted(loss_H)]), _range(sorted(epoch_H))
        lines.append(
            f"heads     {len(loss_H)} on {images} images, learning rate {lr:g}: val loss {loss} at epoch {epoch} of "
            f"{heads.epochs}"
        )
    lines[-1] += f", {duration(seconds)}"
    return lines


def _range(ordered: Sequence[object]) -> str:
    return str(ordered[0]) if ordered[0] == ordered[-1] else f"{ordered[0]} to {ordered[-1]}"
