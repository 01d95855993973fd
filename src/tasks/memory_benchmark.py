"""Memory of a training step, plain and with gradient caching, and of the losses against all processes' candidates.

Axes: B pairs (of one process), N pairs of all processes, P patches, T words, D embedding width.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from torch.optim import Optimizer

from src.core.batch import PairBatch
from src.core.embeddings import Embeddings
from src.core.errors import UserError
from src.data.datamodule import PairDataModule
from src.losses.base import Loss
from src.losses.composite import CompositeLoss
from src.models.alignment import AlignmentModel
from src.tasks.benchmarked_step import (
    Device,
    Precision,
    Step,
    UnloggedModule,
    device_type,
    full_step,
    machine,
    seconds_of,
    spread,
    unlogged_module,
)
from src.tasks.gradient_cache import GradientCache
from src.tasks.peak_memory import peak_bytes
from src.tasks.recipes import OptimizerRecipe


class _Variant(NamedTuple):
    name: str
    cache: GradientCache | None


class MemoryBenchmark:
    """Peak memory and time of the full training step, plain and by micro-batches, on one batch and on half of it.

    ``micro_batch_sizes``: each with whole_batch_norm and without. ``repeats`` rounds of all variants in turn are timed
    after ``warmup`` rounds that are not. ``losses``: those measured alone, as one of ``processes`` computes them for
    ``global_batch_sizes`` pairs: its own against all (B x N), and all against all (N x N).
    Raises UserError for a batch or a loss that does not fit the settings.
    """

    def __init__(
        self,
        *,
        device: Device,
        precision: Precision,
        micro_batch_sizes: Sequence[int],
        losses: Sequence[str],
        processes: PositiveInt,
        global_batch_sizes: Sequence[int],
        warmup: NonNegativeInt,
        repeats: PositiveInt,
    ) -> None:
        if processes < 1 or any(size < processes or size % processes for size in global_batch_sizes):
            raise UserError(
                f"bench.global_batch_sizes are {list(global_batch_sizes)}, but each must be a multiple of "
                f"bench.processes={processes}."
            )
        self.device = device_type(device)
        self.precision = precision
        self.variants = [_Variant("plain", None)]
        for size in micro_batch_sizes:
            for whole in (True, False):
                cache = GradientCache(micro_batch_size=size, whole_batch_norm=whole)
                self.variants.append(_Variant(f"micro-batches of {size}, whole_batch_norm={str(whole).lower()}", cache))
        self.largest_micro_batch = max(micro_batch_sizes, default=1)
        self.losses = losses
        self.processes = processes
        self.global_batch_sizes = global_batch_sizes
        self.warmup = warmup
        self.repeats = repeats

    def __call__(
        self,
        *,
        model: AlignmentModel,
        loss: CompositeLoss,
        optimizer: OptimizerRecipe,
        datamodule: PairDataModule,
    ) -> str:
        """The figures, with the machine and the spread."""
        if missing := [name for name in self.losses if name not in loss.parts]:
            raise UserError(
                f"bench.losses has {missing[0]}, which this run's loss={list(loss.parts)} lacks; add it there."
            )
        batch = next(iter(datamodule.train_dataloader())).to(self.device)
        if len(batch) < 2 * max(2, self.largest_micro_batch):
            raise UserError(
                f"The batch has {len(batch)} pairs, but half of it must hold two pairs and the largest of "
                f"bench.micro_batch_sizes, {self.largest_micro_batch}: raise datamodule.batch_size, or lower "
                "bench.micro_batch_sizes."
            )
        module = unlogged_module(model, loss, optimizer, "global").to(self.device)
        width = model.image_global.reduce.out_features
        return "\n".join(
            [
                f"{machine(self.device)}, {torch.get_num_threads()} threads, {len(batch)} pairs, images "
                f"{tuple(batch.image_BCHW.shape[2:])}, {batch.token_BL.shape[1]} tokens, {self.precision}, "
                f"{self.repeats} rounds after {self.warmup}",
                *self._steps(module, optimizer([model, loss]), batch),
                *self._losses(loss, width),
            ]
        )

    def _steps(self, module: UnloggedModule, optimizer: Optimizer, batch: PairBatch) -> list[str]:
        half = _first(batch, len(batch) // 2)
        jobs = [self._job(module, optimizer, batch, variant) for variant in self.variants]
        # the first step makes the optimiser's state, which later ones keep
        jobs[0]()
        held = _bytes(_held(module, optimizer, batch))
        peaks = []
        for job, variant in zip(jobs, self.variants, strict=True):
            small = peak_bytes(self._job(module, optimizer, half, variant), self.device)
            peaks.append((small, peak_bytes(job, self.device)))
        ratios = self._ratios_in_turn(jobs)
        lines = [
            f"held by weights, optimiser state and batch: {held / 2**30:.3f} GiB; peaks of a step come on top of it",
            f"{'':<42}{f'{len(half)} pairs':>12}{f'{len(batch)} pairs':>12}"
            f"{'each further':>14}{'/ plain':>9}  time / plain",
        ]
        for variant, (small, large), ratio in zip(self.variants, peaks, ratios, strict=True):
            further = f"{(large - small) / (len(batch) - len(half)) / 2**20:.1f} MiB"
            if variant.cache is not None and len(half) < 2 * variant.cache.micro_batch_size:
                # from one micro-batch on, a second needs room beside the gradients of the first, a third no more
                further = ""
            lines.append(
                f"{variant.name:<42}{small / 2**30:>8.3f} GiB{large / 2**30:>8.3f} GiB{further:>14}"
                f"{large / peaks[0][1]:>9.3f}  {spread(ratio, '.2f')}"
            )
        return lines

    def _job(self, module: UnloggedModule, optimizer: Optimizer, batch: PairBatch, variant: _Variant) -> Step:
        step = full_step(module, partial(module.training_step, batch_idx=0), optimizer, batch, self.precision)

        def job() -> None:
            module.gradient_cache = variant.cache
            module.train()
            step()

        return job

    def _ratios_in_turn(self, jobs: Sequence[Step]) -> list[list[float]]:
        """The time of each job over that of the first in the same round."""
        for _ in range(self.warmup):
            for job in jobs:
                job()
        rounds = [[seconds_of(job, self.device) for job in jobs] for _ in range(self.repeats)]
        return [[seconds[place] / seconds[0] for seconds in rounds] for place in range(len(jobs))]

    def _losses(self, loss: CompositeLoss, width: int) -> list[str]:
        rows = [self._loss_row(name, loss, total, width) for name in self.losses for total in self.global_batch_sizes]
        if not rows:
            return []
        return [
            "",
            f"A loss alone, forward and backward, in one of {self.processes} processes, width {width}, in MiB:",
            f"{'':<6}{'N pairs':>9}{'B x N':>12}{'N x N':>12}{'N x N / B x N':>16}",
            *rows,
        ]

    def _loss_row(self, name: str, loss: CompositeLoss, total: int, width: int) -> str:
        part = loss.parts[name]
        assert isinstance(part, Loss)
        own, every = (
            peak_bytes(partial(_backward, part, made_embeddings(rows, total, width, self.device)), self.device)
            for rows in (total // self.processes, total)
        )
        return f"{name:<6}{total:>9}{own / 2**20:>12.1f}{every / 2**20:>12.1f}{every / own:>16.2f}"


def made_embeddings(own: int, total: int, width: int, device: str) -> Embeddings:
    """``own`` pairs that are the first of ``total`` candidates, random, of one patch and one word, with gradient."""
    generator = torch.Generator().manual_seed(0)

    def made() -> Tensor:
        row_ND = torch.randn(total, width, generator=generator)
        return torch.nn.functional.normalize(row_ND, dim=1).to(device).requires_grad_()

    image_ND, text_ND = made(), made()
    local_B1D = torch.zeros(own, 1, width, device=device)
    return Embeddings(
        image_global_BD=image_ND[:own],
        text_global_BD=text_ND[:own],
        image_local_BPD=local_B1D,
        text_local_BTD=local_B1D,
        text_mask_BT=torch.ones(own, 1, dtype=torch.bool, device=device),
        text_attention_BT=torch.ones(own, 1, device=device),
        image_candidate_ND=image_ND,
        text_candidate_ND=text_ND,
        own_B=torch.arange(own, device=device),
    )


def _backward(part: Loss, embeddings: Embeddings) -> None:
    part(embeddings).backward()
    part.zero_grad(set_to_none=True)


def _first(batch: PairBatch, count: int) -> PairBatch:
    return PairBatch(
        batch.image_BCHW[:count],
        batch.token_BL[:count],
        batch.token_mask_BL[:count],
        batch.row_B[:count],
        batch.label_BF[:count],
    )


def _held(module: UnloggedModule, optimizer: Optimizer, batch: PairBatch) -> list[Tensor]:
    state = [value for values in optimizer.state.values() for value in values.values()]
    return [*module.parameters(), *module.buffers(), *state, *vars(batch).values()]


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)
