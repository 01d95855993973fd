"""What the processes of one training tell one another; every collective of the project is here.

In a process of its own each function is the identity.

Axes: W processes, B rows of this process, N rows of all, S numbers, D embedding width.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.functional import pad

from src.core.embeddings import Embeddings

_LOST = ("gloo/transport", "Connection closed by peer", "Connection reset by peer", "NCCL")


def processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def number_of_each(own: int) -> list[int]:
    """The whole number that each process gives.

    They travel on the host wherever the process group can do that, so that nobody waits for a device.
    """
    if processes() == 1:
        return [own]
    device = "cpu" if "cpu:" in dist.get_backend_config() else "cuda"
    all_W1 = torch.empty(processes(), 1, dtype=torch.int64, device=device)
    dist.all_gather(list(all_W1), torch.tensor([own], device=device))
    return [int(number) for number in all_W1.flatten().tolist()]


def gather_equal(own_S: Tensor) -> Tensor:
    """The tensors that the processes give, all of one shape, as (W, ...); the gradients of all flow back to each."""
    if processes() == 1:
        return own_S.unsqueeze(0)
    gathered_WS: Tensor = _Gather.apply(own_S)
    return gathered_WS


def gather_rows(row_BD: Tensor, counts: list[int]) -> Tensor:
    """The rows of all processes, in their order: (N, D), with gradient. ``counts``: how many each of them has."""
    most = max(counts)
    stacked_WBD = gather_equal(pad(row_BD, (0, 0, 0, most - len(row_BD))))
    if min(counts) == most:
        return stacked_WBD.flatten(0, 1)
    return torch.cat([rows[:count] for rows, count in zip(stacked_WBD, counts, strict=True)])


def contrast_with_all(embeddings: Embeddings, counts: list[int]) -> Embeddings:
    """The embeddings with those of all processes as candidates; ``counts``: how many pairs each of them has."""
    if len(counts) == 1:
        return embeddings
    image_BD, text_BD = embeddings.image_global_BD, embeddings.text_global_BD
    image_ND, text_ND = gather_rows(torch.cat([image_BD, text_BD], dim=1), counts).chunk(2, dim=1)
    first = sum(counts[: dist.get_rank()])
    own_B = torch.arange(first, first + len(image_BD), device=image_BD.device)
    return replace(embeddings, image_candidate_ND=image_ND, text_candidate_ND=text_ND, own_B=own_B)


def mean_of_all(own_S: Tensor) -> Tensor:
    """The mean over processes of a detached tensor."""
    if processes() == 1:
        return own_S
    total_S = own_S.clone()
    dist.all_reduce(total_S)
    return total_S / processes()


def objects_of_all(own: Any) -> list[Any]:
    """What each process gives, whatever it is, for rare occasions: it is pickled among the processes of this run."""
    if processes() == 1:
        return [own]
    every: list[Any] = [None] * processes()
    dist.all_gather_object(every, own)
    return every


def first_of_each(own: Mapping[int, Any]) -> dict[int, Any]:
    """What the processes hold by number, joined in the first of them; of a number that several hold the first one's.

    In the others it is their own. What an earlier process holds already is not sent again, as where every process
    validates all images.
    """
    if processes() == 1:
        return dict(own)
    held = objects_of_all(sorted(own))
    earlier = {number for numbers in held[: dist.get_rank()] for number in numbers}
    parts = objects_of_all({number: one for number, one in own.items() if number not in earlier})
    return {number: one for part in parts for number, one in part.items()} if dist.get_rank() == 0 else dict(own)


def values_in_first(compute: Callable[[], dict[str, float]]) -> dict[str, float]:
    """What ``compute`` gives in the first process, which alone calls it, in every process."""
    first = processes() == 1 or dist.get_rank() == 0
    return dict(objects_of_all(compute() if first else {})[0])


def leave_together() -> None:
    """Close what the processes told one another through, where it is open."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def lost_peer(error: BaseException) -> bool:
    """Whether ``error`` says that another process is no longer there."""
    if isinstance(error, dist.DistBackendError | dist.DistNetworkError | dist.DistStoreError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _LOST)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own_S: Tensor) -> Tensor:
        del ctx
        gathered_WS = own_S.new_empty((processes(), *own_S.shape))
        dist.all_gather(list(gathered_WS), own_S.contiguous())
        return gathered_WS

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        del ctx
        gradient_WS = gradients[0].contiguous()
        own_S = gradient_WS.new_empty(gradient_WS.shape[1:])
        dist.reduce_scatter(own_S, list(gradient_WS))
        return own_S
