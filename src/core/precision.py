"""Arithmetic that mixed precision must leave alone: sums of exponentials, logarithms, comparisons of close scores."""

import torch
from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """Half precision becomes float32; float32 and float64 stay as they are."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def without_autocast(tensor: Tensor) -> torch.autocast:
    """A context in which operations on the device of ``tensor`` keep the precision of their inputs."""
    return torch.autocast(tensor.device.type, enabled=False)
