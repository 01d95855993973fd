"""How many processes a training needs on this machine, and where those of all machines meet."""

import os
import socket
from collections.abc import Mapping

from omegaconf import DictConfig

from src.core.errors import UserError


def processes_here(trainer: DictConfig) -> int:
    """How many processes a training by ``trainer`` needs on this machine, or 0 where this one can do it itself.

    It can where one is enough, where torchrun, Slurm's srun or this module has started one for each device already,
    and where a strategy other than ddp starts them its own way.
    """
    outside = "RANK" in os.environ or "LOCAL_RANK" in os.environ
    by_srun = "SLURM_STEP_ID" in os.environ and os.environ.get("SLURM_NTASKS", "1") != "1"
    strategy = trainer.strategy
    ours = not isinstance(strategy, str) or strategy == "auto" or strategy.startswith("ddp")
    if outside or by_srun or not ours or "_spawn" in str(strategy) or "_notebook" in str(strategy):
        return 0
    count = _devices(trainer)
    if count * trainer.num_nodes <= 1:
        return 0
    if trainer.accelerator in ("gpu", "cuda") and not _has_gpu():
        raise UserError(
            f"trainer.accelerator={trainer.accelerator}: no GPU is found here; to try several processes on a CPU give "
            "trainer.accelerator=cpu trainer.precision=32-true."
        )
    return count


def meeting_point(num_nodes: int) -> Mapping[str, str]:
    """Where the processes of all machines meet, and which machine this is."""
    if num_nodes == 1:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "NODE_RANK": "0"}
    meeting = {name: os.environ.get(name, "") for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")}
    if not (all(meeting.values()) and meeting["MASTER_PORT"].isdigit() and meeting["NODE_RANK"].isdigit()):
        raise UserError(
            f"trainer.num_nodes={num_nodes}: MASTER_ADDR, MASTER_PORT and NODE_RANK must be in the environment of the "
            "command on each machine (the first machine's name, a free port of it, and 0, 1, ...); or start it by "
            "torchrun or srun."
        )
    if int(meeting["NODE_RANK"]) >= num_nodes:
        raise UserError(
            f"NODE_RANK={meeting['NODE_RANK']}, but with trainer.num_nodes={num_nodes} it goes from 0 to "
            f"{num_nodes - 1}; correct one of them."
        )
    return meeting


def _has_gpu() -> bool:
    import torch

    return torch.accelerator.is_available()


def _devices(trainer: DictConfig) -> int:
    """As Lightning counts them: a number, -1 or auto for all, or the numbers of some GPUs."""
    devices, on_cpu = trainer.devices, trainer.accelerator == "cpu"
    words = str(devices).replace(" ", "").strip("[],").split(",")
    listed = not isinstance(devices, int) and (len(words) > 1 or str(devices).strip().startswith("["))
    numbers = all(word.isdigit() for word in words)
    if listed and numbers and not on_cpu:
        return len(words)
    if not listed and numbers and int(words[0]) > 0:
        return int(words[0])
    if words not in (["auto"], ["-1"]) or (on_cpu and words == ["-1"]):
        raise UserError(
            f"trainer.devices={devices} will not do for trainer.accelerator={trainer.accelerator}; give a number above "
            "0, e.g. trainer.devices=2"
            + ("." if on_cpu else ", auto, or the numbers of GPUs, e.g. trainer.devices=[0,1].")
        )
    if on_cpu:
        return 1
    import torch

    return max(torch.cuda.device_count(), 1)
