"""The cost of a full training step beside that of the bare encoders, on the same batch, in one process."""

import platform
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.optim import Optimizer

from src.core.batch import PairBatch
from src.core.embeddings import Embeddings
from src.data.datamodule import PairDataModule
from src.losses.composite import CompositeLoss
from src.models.alignment import AlignmentModel
from src.tasks.benchmarked_step import Device, Precision, device_type
from src.tasks.recipes import OptimizerRecipe

Step = Callable[[], None]


class StepBenchmark:
    """Times the full step and the bare encoders' step in turn and prints the ratio, pair by pair.

    The bare step is the forward and backward of the two backbones as their libraries give them, and an optimiser step
    over their parameters; the full step adds attention, word pooling, projections and losses. ``device``: auto takes
    the GPU where there is one. ``repeats`` pairs are counted after ``warmup`` pairs that are not.
    """

    def __init__(
        self,
        *,
        device: Device,
        precision: Precision,
        compile: bool,
        warmup: NonNegativeInt,
        repeats: PositiveInt,
    ) -> None:
        self.device = torch.device(device_type(device))
        self.precision = precision
        self.compile = compile
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
        batch = next(iter(datamodule.train_dataloader())).to(self.device)
        model, loss = model.to(self.device).train(), loss.to(self.device).train()
        backbones = [model.image_encoder.model, model.text_encoder.model]
        full = self._full_step(model, loss, optimizer([model, loss]), batch)
        bare = self._bare_step(backbones, optimizer(backbones), batch)
        full_s, bare_s = self._time_in_turn(full, bare)
        ratios = [f / b for f, b in zip(full_s, bare_s, strict=True)]
        return "\n".join(
            [
                f"{self._machine()}, {len(batch)} pairs, images {tuple(batch.image_BCHW.shape[2:])}, "
                f"{batch.token_BL.shape[1]} tokens, {self.precision}{', compiled' if self.compile else ''}, "
                f"{self.repeats} pairs of steps after {self.warmup}",
                f"images a second      {len(batch) / statistics.median(full_s):10.2f}",
                f"peak memory          {self._peak_memory_gib():10.2f} GiB",
                _row("full step", full_s, "s"),
                _row("bare encoders' step", bare_s, "s"),
                _row("ratio full / bare", ratios, ""),
                "",
                "Where the rest goes, each part timed alone, forward and backward:",
                *self._rest(model, loss, batch, statistics.median(bare_s)),
            ]
        )

    def _full_step(self, model: AlignmentModel, loss: CompositeLoss, optimizer: Optimizer, batch: PairBatch) -> Step:
        forward = torch.compile(lambda b: loss(model(b))[0]) if self.compile else lambda b: loss(model(b))[0]

        def step() -> None:
            with self._autocast():
                total = forward(batch)
            total.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        return step

    def _bare_step(self, backbones: list[nn.Module], optimizer: Optimizer, batch: PairBatch) -> Step:
        image, text = backbones
        see: Callable[..., Any] = getattr(image, "forward_features", image)
        read: Callable[..., Any] = text
        if self.compile:
            see, read = torch.compile(see), torch.compile(read)
        mask_B11L = batch.token_mask_BL[:, None, None, :]

        def step() -> None:
            with self._autocast():
                seen = see(batch.image_BCHW)
                seen = seen[-1] if isinstance(seen, list) else seen
                states = read(input_ids=batch.token_BL, attention_mask=mask_B11L).last_hidden_state
                total = seen.float().mean() + states.float().mean()
            total.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        return step

    def _time_in_turn(self, full: Step, bare: Step) -> tuple[list[float], list[float]]:
        for _ in range(self.warmup):
            full()
            bare()
        pairs = [(self._time(full), self._time(bare)) for _ in range(self.repeats)]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    def _time(self, step: Step) -> float:
        self._wait()
        start = time.perf_counter()
        step()
        self._wait()
        return time.perf_counter() - start

    def _rest(self, model: AlignmentModel, loss: CompositeLoss, batch: PairBatch, bare_s: float) -> list[str]:
        with torch.no_grad(), self._autocast():
            image = model.image_encoder(batch.image_BCHW)
            text = model.text_encoder(batch.token_BL, batch.token_mask_BL)
            embeddings = model(batch)
        jobs: dict[str, Step] = {
            "image projections": self._job(
                lambda g, p: model.image_global(g).sum() + model.image_local(p.flatten(0, 1)).sum(),
                image.global_BE,
                image.local_BPE,
            ),
            "text projections": self._job(
                lambda g, w: model.text_global(g).sum() + model.text_local(w.flatten(0, 1)).sum(),
                text.global_BE,
                text.local_BTE,
            ),
        }
        for name, part in loss.parts.items():
            jobs[f"loss {name}"] = self._loss_job(part, embeddings)
        lines = []
        for name, job in jobs.items():
            job()
            seconds = [self._time(job) for _ in range(self.repeats)]
            share = 100 * statistics.median(seconds) / bare_s
            lines.append(f"{_row(name, seconds, 's')}  {share:5.2f} % of the bare step")
        return lines

    def _job(self, compute: Callable[..., Tensor], *inputs: Tensor) -> Step:
        leaves = [value.detach().clone().requires_grad_() for value in inputs]

        def job() -> None:
            with self._autocast():
                total = compute(*leaves)
            total.backward()

        return job

    def _loss_job(self, part: nn.Module, embeddings: Embeddings) -> Step:
        names = [f.name for f in fields(embeddings) if f.name.endswith(("BD", "BPD", "BTD"))]
        return self._job(
            lambda *leaves: part(replace(embeddings, **dict(zip(names, leaves, strict=True)))),
            *(getattr(embeddings, name) for name in names),
        )

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16-mixed")

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def _peak_memory_gib(self) -> float:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated() / 2**30
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    def _machine(self) -> str:
        if self.device.type == "cuda":
            return torch.cuda.get_device_name()
        return f"CPU {platform.machine()}, {torch.get_num_threads()} threads"


def _row(name: str, values: list[float], unit: str) -> str:
    median = statistics.median(values)
    return f"{name:<20} {median:10.4f} {unit:<1}  ({min(values):.4f} to {max(values):.4f})"
