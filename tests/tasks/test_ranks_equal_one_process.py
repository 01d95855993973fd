"""Several real processes and their joined batch in one: the same gradients, statistics and figures, in float64."""

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from src.core.batch import PairBatch
from tests.losses.every import NAMES, is_distributed
from tests.tasks.made_pairs import gradients_of, made_batch, made_module, part_of

SINGLE = [name for name in NAMES if is_distributed(name)]
CASES: dict[str, dict[str, Any]] = {
    **{name: {"losses": [name]} for name in SINGLE},
    **{f"all-{rules}": {"losses": SINGLE, "rules": rules} for rules in ("corrected", "published")},
    "local": {"losses": ["ita", "cpa"], "negatives": "local"},
    "unsynced": {"losses": ["ita"], "sync_batch_norm": False},
}
SPLITS = {2: [(4, 4), (5, 3)], 3: [(3, 3, 3), (2, 4, 3)]}


class _Step(nn.Module):
    """What Lightning wraps: the training step as a forward pass."""

    def __init__(self, case: str) -> None:
        super().__init__()
        self.module = made_module(**CASES[case])

    def forward(self, batch: PairBatch) -> Tensor:
        return self.module.training_step(batch, 0)


def _one_process(rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    found = {}
    for sizes in SPLITS[world]:
        batch = part_of(made_batch(sum(sizes)), sum(sizes[:rank]), sizes[rank])
        for case in CASES:
            step = DistributedDataParallel(_Step(case), find_unused_parameters=True)
            step(batch).backward()
            found[sizes, case] = _found(step.module)
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


def _found(step: _Step) -> dict[str, Any]:
    return {
        "gradients": gradients_of(step.module),
        "statistics": dict(step.module.model.named_buffers()),
        "figures": step.module.logged,
    }


def _in_processes(world: int, folder: Path) -> list[dict[Any, Any]]:
    multiprocessing.set_forkserver_preload(["tests.tasks.made_pairs"])
    mp.start_processes(_one_process, args=(world, folder), nprocs=world, start_method="forkserver")
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(world)]


def _in_one(case: str, sizes: tuple[int, ...]) -> dict[str, Any]:
    one = _Step(case)
    one(made_batch(sum(sizes))).backward()
    return _found(one)


def _differences(actual: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, float]:
    """Relative to each gradient; one that a BatchNorm cancels is held against the largest instead."""
    assert actual.keys() == expected.keys()
    floor = 1e-6 * max(float(gradient.norm()) for gradient in expected.values())
    return {
        name: float((actual[name] - gradient).norm()) / max(float(gradient.norm()), floor)
        for name, gradient in expected.items()
    }


@pytest.mark.parametrize("world", sorted(SPLITS))
def test_they_compute_what_one_process_computes(world: int, tmp_path: Path) -> None:
    ranks = _in_processes(world, tmp_path)
    for sizes in SPLITS[world]:
        for case in (*SINGLE, "all-corrected", "all-published"):
            expected = _in_one(case, sizes)
            for rank in ranks:
                found = rank[sizes, case]
                differences = _differences(found["gradients"], expected["gradients"])
                assert max(differences.values()) < 1e-6, (sizes, case, differences)
                assert found["figures"] == pytest.approx(expected["figures"], rel=1e-6), (sizes, case)
                torch.testing.assert_close(found["statistics"], expected["statistics"])
        for case in ("local", "unsynced"):
            # so that the equalities above can fail
            expected = _in_one(case, sizes)
            differences = _differences(ranks[0][sizes, case]["gradients"], expected["gradients"])
            assert max(differences.values()) > 1e-2, (sizes, case)
