"""What contrasting each pair with those of all processes costs: of a training step, and each exchange alone."""

import json
import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing as mp
from pydantic import NonNegativeInt, PositiveInt

from src.core.batch import PairBatch
from src.core.errors import UserError
from src.data.datamodule import PairDataModule
from src.losses.composite import CompositeLoss
from src.models.alignment import AlignmentModel
from src.tasks.benchmarked_step import Device, Precision, device_type, machine, spread
from src.tasks.gather_process import BOTH, FIGURES, GatherWork, measure
from src.tasks.recipes import OptimizerRecipe


class GatherBenchmark:
    """Times the training step of ``processes`` processes with negatives local and global in turn, and each exchange.

    The processes talk through nccl where ``device`` is a GPU, one each, and through gloo on a CPU. ``repeats`` pairs of
    steps of datamodule.batch_size pairs a process are counted after ``warmup`` pairs that are not; each exchange is
    timed ``exchanges`` times alone for each of ``global_batch_sizes``, pairs of all processes together.
    Raises UserError for more processes than GPUs, or batches that cannot be shared among them evenly.
    """

    def __init__(
        self,
        *,
        device: Device,
        precision: Precision,
        processes: PositiveInt,
        global_batch_sizes: Sequence[int],
        warmup: NonNegativeInt,
        repeats: PositiveInt,
        exchanges: PositiveInt,
    ) -> None:
        self.device = device_type(device)
        if processes < 2 or (self.device == "cuda" and processes > torch.cuda.device_count()):
            raise UserError(
                f"bench.processes={processes}, but must be at least 2 and, on GPUs, at most one a GPU "
                f"({torch.cuda.device_count()} here); change it, or give bench.device=cpu."
            )
        if any(size < processes or size % processes for size in global_batch_sizes):
            raise UserError(
                f"bench.global_batch_sizes are {list(global_batch_sizes)}, but each must be a multiple of "
                f"bench.processes={processes}."
            )
        self.precision = precision
        self.processes = processes
        self.global_batch_sizes = global_batch_sizes
        self.warmup = warmup
        self.repeats = repeats
        self.exchanges = exchanges

    def __call__(
        self,
        *,
        model: AlignmentModel,
        loss: CompositeLoss,
        optimizer: OptimizerRecipe,
        datamodule: PairDataModule,
    ) -> str:
        """The figures, with the machine and the spread; each time is that of the slowest process."""
        batch = next(iter(datamodule.train_dataloader())).to("cpu")
        settings = {k: v for k, v in vars(self).items() if k in GatherWork.__dataclass_fields__}
        work = GatherWork(model=model, loss=loss, optimizer=optimizer, batch=batch, **settings)
        multiprocessing.set_forkserver_preload([measure.__module__])
        # they would warn that no parameter is unused, which holds of some losses only
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        with tempfile.TemporaryDirectory() as folder:
            mp.start_processes(measure, args=(work, folder), nprocs=self.processes, start_method="forkserver")
            found = json.loads(Path(folder, "found.json").read_bytes())
        return "\n".join([self._title(batch, found), *self._step_rows(found), "", *self._exchange_rows(found)])

    def _title(self, batch: PairBatch, found: dict[str, Any]) -> str:
        return (
            f"{machine(self.device)}, {self.processes} processes of {found['threads']} threads ({found['backend']}), "
            f"{len(batch)} pairs each, images {tuple(batch.image_BCHW.shape[2:])}, {batch.token_BL.shape[1]} tokens, "
            f"{self.precision}, {self.repeats} pairs of steps after {self.warmup}"
        )

    def _step_rows(self, found: dict[str, Any]) -> list[str]:
        seconds = {negatives: found["seconds"][negatives] for negatives in BOTH}
        ratios = [g / own for own, g in zip(seconds["local"], seconds["global"], strict=True)]
        return [
            *(
                f"step, negatives={negatives:<7} {spread(seconds[negatives], '.4f')} s, "
                f"each pair among {found['candidates'][negatives]}"
                for negatives in BOTH
            ),
            f"ratio global / local    {spread(ratios, '.4f')}",
        ]

    def _exchange_rows(self, found: dict[str, Any]) -> list[str]:
        once = {f"mean_of_all, {FIGURES} numbers": "figures", "number_of_each": "number"}
        once[f"mean_of_all, the {found['parameters'] / 1e6:.1f} M gradients"] = "gradients"
        return [
            f"Each exchange alone, ms, {self.exchanges} times:",
            *(f"{name:<36} {spread(found['once'][key], '.3f')}" for name, key in once.items()),
            f"contrast_with_all, width {found['width']}:",
            *(
                f"{size:>8} pairs in all   forward {spread(forward, '.3f')}   backward {spread(backward, '.3f')}"
                for size, (forward, backward) in zip(self.global_batch_sizes, found["gather"], strict=True)
            ),
        ]
