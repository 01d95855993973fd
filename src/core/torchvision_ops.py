"""Lets torchvision be imported beside a torch build that its compiled part was not made for.

PyPI's torchvision is compiled for the CUDA build of torch. Beside a CPU build its Python part works, but the import
fails because two operators are never declared; timm, lightning, torchmetrics and transformers import it in turn.
"""

import functools
import importlib.util
from pathlib import Path

import torch
from torch import Tensor, library

_DECLARATIONS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


@functools.cache
def ensure_torchvision() -> library.Library | None:
    """Declare torchvision's ``nms`` and ``qnms`` where its compiled part is missing or does not load.

    Call it before the first import of torchvision or of anything that imports it. Where the compiled part loads,
    nothing is declared; a second call does nothing. The declarations live as long as the returned library,
    which the cache keeps.
    """
    if _declared() or _compiled_part_loads():
        return None
    operators = library.Library("torchvision", "FRAGMENT")
    for declaration in _DECLARATIONS:
        operators.define(declaration)
    return operators


def _declared() -> bool:
    return hasattr(torch.ops.torchvision, "nms")


def _compiled_part_loads() -> bool:
    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        return True
    for part in Path(package.origin).parent.glob("_C*"):
        try:
            torch.ops.load_library(str(part))
        except OSError:
            continue
        return True
    return False


def has_compiled(operator: str, tensor: Tensor) -> bool:
    """Whether torchvision's compiled ``operator`` runs where ``tensor`` lies; false where torchvision is not loaded."""
    if not hasattr(torch.ops.torchvision, operator):
        return False
    return torch._C._dispatch_has_kernel_for_dispatch_key(f"torchvision::{operator}", tensor.device.type.upper())
