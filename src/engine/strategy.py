"""Data-parallel training as this project needs it of Lightning."""

from datetime import timedelta

from lightning.pytorch.strategies import DDPStrategy


def ddp(*, find_unused_parameters: bool, timeout_minutes: float) -> DDPStrategy:
    """One process for each device, whose gradients are averaged.

    ``find_unused_parameters``: losses may leave parameters without gradients. ``timeout_minutes``: how long a process
    waits for the others, should one hang rather than end.
    """
    return _HostAndDevice(find_unused_parameters=find_unused_parameters, timeout=timedelta(minutes=timeout_minutes))


class _HostAndDevice(DDPStrategy):
    """Tensors on GPUs travel by NCCL, and small agreements by gloo from host to host, which keeps no GPU waiting."""

    def _get_process_group_backend(self) -> str:
        return "cpu:gloo,cuda:nccl" if self.root_device.type == "cuda" else "gloo"
