"""The validation mAP of several real processes is that of one process on all their images, each counted once."""

import multiprocessing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from src.core.dense import DenseBatch
from src.core.torchvision_ops import ensure_torchvision
from src.evaluation.coco_format import JudgedImage

# processes of their own start here, without what conftest.py has done
ensure_torchvision()

from src.engine.optimizers import AdamW  # noqa: E402
from src.engine.schedulers import Constant  # noqa: E402
from src.evaluation.detection import judge_detections  # noqa: E402
from src.evaluation.estimate import value_of  # noqa: E402
from src.tasks.dense.module import DetectionModule  # noqa: E402
from tests.evaluation.made_detections import keys_of, made_images  # noqa: E402

COUNT, NAMES = 13, ("a", "b")
IMAGES = made_images(3, COUNT, findings=len(NAMES))
# as a distributed sampler deals them out, which repeats the first ones; all of them everywhere; and one with none
SHARES = {
    "sampler": {
        2: [[*range(0, 13, 2)], [*range(1, 13, 2), 0]],
        3: [[*range(0, 13, 3)], [*range(1, 13, 3), 0], [2, 5, 8, 11, 1]],
    },
    "all": {2: [[*range(13)]] * 2, 3: [[*range(13)]] * 3},
    "uneven": {2: [[], [*range(13)]], 3: [[12, 3], [], [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]]},
}


def logged(positions: list[int]) -> Any:
    """What a module logs that validates these images, in batches of two."""
    found = {position: IMAGES[position].found for position in positions}
    batches = [positions[first : first + 2] for first in range(0, len(positions), 2)]
    head = SimpleNamespace(detect=lambda maps, _: [found[position] for position in maps])
    optimizer = AdamW(lr=1e-3, betas=(0.9, 0.999), weight_decay=0.0, decay_norms_and_biases=True)
    tuning = SimpleNamespace(optimizer=optimizer, scheduler=Constant())
    module = DetectionModule(network=SimpleNamespace(head=head), names=NAMES, tuning=tuning)
    values = {}
    module.log = lambda name, value, **_: values.update({name: float(value)})
    for batch in batches:
        module.watch(
            DenseBatch(
                image_BCHW=torch.zeros(len(batch), 1, 1, 1),
                mask_BFHW=torch.zeros(len(batch), 0, 1, 1),
                objects=[IMAGES[position].objects for position in batch],
                position_B=torch.tensor(batch),
                row_B=torch.tensor(batch),
            ),
            batch,
            (IMAGES[0].height, IMAGES[0].width),
        )
    module.on_validation_epoch_end()
    return values["val/map"], values["val/map_published"]


def expected(images: list[JudgedImage]) -> tuple[float, float]:
    figures, _ = judge_detections(images, keys_of(len(images)), NAMES, resamples=0)
    return value_of(figures["detect/map"]), value_of(figures["detect_published/map"])


def _one_process(rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
    torch.save({case: logged(shares[world][rank]) for case, shares in SHARES.items()}, folder / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("world", [2, 3])
def test_several_processes_log_what_one_logs(world: int, tmp_path: Path) -> None:
    multiprocessing.set_forkserver_preload(["tests.tasks.dense.test_val_map"])
    mp.start_processes(_one_process, args=(world, tmp_path), nprocs=world, start_method="forkserver")
    of_ranks = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(world)]
    assert all(0.05 < value < 0.95 for value in expected(IMAGES))
    for case, shares in SHARES.items():
        assert [of_rank[case] for of_rank in of_ranks] == [expected(IMAGES)] * world, case
        # the mean of what the processes would find alone is another number
        if case == "sampler":
            alone = [expected([IMAGES[position] for position in share]) for share in shares[world]]
            mean = sum(value for value, _ in alone) / world
            assert abs(mean - expected(IMAGES)[0]) > 0.01


def test_one_process_counts_every_image_once() -> None:
    assert logged([*range(13), 0, 5]) == expected(IMAGES)
    assert logged([]) == (0, 0)
