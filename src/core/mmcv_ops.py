"""Lets mmdet and mmsegmentation be imported without mmcv's compiled operators.

The README's install brings mmcv without its compiled part, which takes up to an hour to build. mmcv asks that part for
its operators by name when it is imported, so a module of that name that has the few which these heads need is enough.
"""

import functools
import importlib.util
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NoReturn

from torch import Tensor

from src.core import roi_align, roi_max
from src.core.errors import UserError
from src.core.focal_operator import focal, focal_gradient
from src.core.nms import nms
from src.core.torchvision_ops import ensure_torchvision

_COMPILED = "mmcv._ext"
_INSTALL = "make setup"


@functools.cache
def ensure_mmcv() -> None:
    """Put a stand-in for mmcv's compiled operators in place where there are none; call it before mmdet or mmseg.

    Nothing is done where the compiled ones can be imported.
    Raises UserError where mmcv or mmengine is not installed.
    """
    ensure_torchvision()
    require_packages("mmengine", "mmcv")
    with quiet_libraries():
        if not _compiled_part_imports():
            sys.modules[_COMPILED] = _StandIn(_COMPILED)


def require_packages(*names: str) -> None:
    """Raises UserError for the first package that is not installed."""
    for name in names:
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            raise UserError(f"The package {name} is not installed, which this head needs; install it with {_INSTALL}.")


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Within it mmcv, mmengine, mmdet and mmseg print nothing but errors, and warn of nothing.

    They report every weight that they initialise, and warn of settings that are meant.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mmengine.logging import MMLogger

        logger = MMLogger.get_current_instance()
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


def _compiled_part_imports() -> bool:
    if _COMPILED in sys.modules:
        return True
    if importlib.util.find_spec(_COMPILED) is None:
        return False
    try:
        importlib.import_module(_COMPILED)
    except (ImportError, OSError):
        return False
    return True


class _StandIn(ModuleType):
    """The module that mmcv asks for its operators. It has every name; one that is not written answers when called."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, loader=None)
        self.nms = nms
        self.roi_align_forward = _roi_align_forward
        self.roi_align_backward = _roi_align_backward
        self.sigmoid_focal_loss_forward = _sigmoid_focal_loss_forward
        self.sigmoid_focal_loss_backward = _sigmoid_focal_loss_backward

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name.startswith("__"):
            raise AttributeError(name)

        def answer(*_arguments: object, **_settings: object) -> NoReturn:
            raise UserError(
                f"mmcv's operator {name} is there only in a compiled mmcv; install one (pip install mmcv==2.1.0, which "
                "compiles it) or choose a head that does without it."
            )

        return answer


def _roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fills ``output`` (K, C, P, Q). ``pool_mode`` 0 takes maxima and fills their places, 1 takes averages."""
    grid = roi_align.Grid(aligned_height, aligned_width, spatial_scale, sampling_ratio, aligned)
    if pool_mode == 1:
        output.copy_(roi_align.average(input, rois, grid))
        return
    for target, found in zip((output, argmax_y, argmax_x), roi_max.maximum(input, rois, grid), strict=True):
        target.copy_(found)


def _roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Adds the gradient of the map to ``grad_input`` (B, C, H, W)."""
    if pool_mode == 1:
        grid = roi_align.Grid(aligned_height, aligned_width, spatial_scale, sampling_ratio, aligned)
        grad_input += roi_align.average_backward(grad_output, rois, grad_input.shape, grid)
    else:
        grad_input += roi_max.maximum_backward(grad_output, rois, argmax_y, argmax_x, grad_input.shape)


def _sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, *, gamma: float, alpha: float
) -> None:
    output.copy_(focal(input, target, weight, gamma, alpha))


def _sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, *, gamma: float, alpha: float
) -> None:
    grad_input.copy_(focal_gradient(input, target, weight, gamma, alpha))
