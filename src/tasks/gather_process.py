"""What each process of the benchmark of gathering does: the training step and the exchanges, timed beside the others.

Axes: B pairs of one process, N pairs of all, D embedding width.
"""

import copy
import json
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from src.core.batch import PairBatch
from src.core.distributed import contrast_with_all, mean_of_all, number_of_each
from src.core.embeddings import Embeddings
from src.core.torchvision_ops import ensure_torchvision
from src.losses.composite import CompositeLoss
from src.models.alignment import AlignmentModel

# each process that is started here imports this file first, and with it what imports torchvision
ensure_torchvision()

from src.tasks.benchmarked_step import (  # noqa: E402
    Precision,
    Step,
    UnloggedModule,
    full_step,
    seconds_of,
    unlogged_module,
    wait,
)
from src.tasks.pretrain_module import Negatives  # noqa: E402
from src.tasks.recipes import OptimizerRecipe  # noqa: E402

BOTH: tuple[Negatives, Negatives] = ("local", "global")
"""What is timed in turn."""

FIGURES = 6
"""As many as a step of three losses logs: the total, each of them, and two accuracies."""


@dataclass(frozen=True)
class GatherWork:
    """What every process is handed."""

    model: AlignmentModel
    loss: CompositeLoss
    optimizer: OptimizerRecipe
    batch: PairBatch
    device: str
    precision: Precision
    processes: int
    global_batch_sizes: Sequence[int]
    warmup: int
    repeats: int
    exchanges: int


class _Wrapped(nn.Module):
    """What data-parallel training wraps: the training step as a forward pass."""

    def __init__(self, module: UnloggedModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: PairBatch) -> Tensor:
        return self.module.training_step(batch, 0)


def measure(rank: int, work: GatherWork, folder: str) -> None:
    """Measure beside the other processes; the first writes down what it found."""
    # of convolutions in channels_last, whose gradients data-parallel training copies
    warnings.filterwarnings("ignore", message="Grad strides do not match")
    threads = max(1, (os.cpu_count() or 1) // work.processes)
    torch.set_num_threads(threads)
    backend = "cpu:gloo,cuda:nccl" if work.device == "cuda" else "gloo"
    device = torch.device(f"cuda:{rank}" if work.device == "cuda" else "cpu")
    if work.device == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group(backend, init_method=f"file://{folder}/meet", rank=rank, world_size=work.processes)
    # what was handed over lies in memory that all processes share
    model, loss = copy.deepcopy(work.model).to(device), copy.deepcopy(work.loss).to(device)
    module = unlogged_module(model, loss, work.optimizer, "global")
    found = {"threads": threads, "backend": backend, **_steps(module, work, device)}
    number = sum(p.numel() for p in module.parameters() if p.requires_grad)
    width = model.image_global.reduce.out_features
    found |= {
        "parameters": number,
        "width": width,
        "once": {
            "number": _milliseconds(partial(number_of_each, 1), work),
            "figures": _milliseconds(partial(mean_of_all, torch.zeros(FIGURES, device=device)), work),
            "gradients": _milliseconds(partial(mean_of_all, torch.zeros(number, device=device)), work),
        },
        "gather": [_gather(size // work.processes, width, work, device) for size in work.global_batch_sizes],
    }
    if rank == 0:
        Path(folder, "found.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def _steps(module: UnloggedModule, work: GatherWork, device: torch.device) -> dict[str, Any]:
    wrapped = DistributedDataParallel(
        _Wrapped(module), device_ids=[device] if device.type == "cuda" else None, find_unused_parameters=True
    )
    optimizer = work.optimizer([module.model, module.loss])
    step = full_step(module, wrapped, optimizer, work.batch.to(device), work.precision)
    candidates: dict[str, int] = {}

    def count(_: nn.Module, given: tuple[Embeddings]) -> None:
        candidates[module.negatives] = len(given[0].candidates.text_ND)

    module.loss.register_forward_pre_hook(count)
    seconds: dict[str, list[float]] = {negatives: [] for negatives in BOTH}
    for place in range(work.warmup + work.repeats):
        # each comes first as often as the other
        for negatives in BOTH if place % 2 else reversed(BOTH):
            module.negatives = negatives
            taken = _slowest(step, device.type)
            if place >= work.warmup:
                seconds[negatives].append(taken)
    return {"seconds": seconds, "candidates": candidates}


def _gather(own: int, width: int, work: GatherWork, device: torch.device) -> tuple[list[float], list[float]]:
    """Milliseconds of contrasting ``own`` pairs with those of all, and of the way back of the gradient."""
    image_BD, text_BD = (torch.randn(own, width, device=device, requires_grad=True) for _ in range(2))
    nothing = torch.zeros(own, 1, width, device=device)
    words = torch.ones(own, 1, device=device)
    embeddings = Embeddings(image_BD, text_BD, nothing, nothing, words.bool(), words)
    counts = [own] * work.processes
    gathered = contrast_with_all(embeddings, counts)

    def forward() -> None:
        nonlocal gathered
        gathered = contrast_with_all(embeddings, counts)

    image_ND, text_ND = gathered.candidates[:2]
    gradients = (torch.randn_like(image_ND), torch.randn_like(text_ND))

    def backward() -> None:
        torch.autograd.grad(gathered.candidates[:2], (image_BD, text_BD), gradients, retain_graph=True)

    return _milliseconds(forward, work), _milliseconds(backward, work)


def _milliseconds(job: Callable[[], object], work: GatherWork) -> list[float]:
    def step() -> None:
        job()

    step()
    return [1000 * _slowest(step, work.device) for _ in range(work.exchanges)]


def _slowest(job: Step, device: str) -> float:
    """The seconds of the process that takes longest, all having started together."""
    wait(device)
    number_of_each(0)
    own_ns = int(1e9 * seconds_of(job, device))
    return max(number_of_each(own_ns)) / 1e9
