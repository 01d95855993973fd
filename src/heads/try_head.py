"""Tries a new head on zeros, so that one that does not fit is reported before the training.

Axes: B images, E feature width, F findings or classes, C channels, R and S rows and columns of a map, H and W pixels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from src.core.dense import Detections, Objects
from src.core.errors import UserError
from src.heads.dense import DetectionHead, SegmentationHead

_IMAGES = 2


def classification_head(make_head: Callable[..., nn.Module], *, in_dim: int, classes: int) -> nn.Module:
    """Return the head that ``make_head`` makes. Raises UserError where it does not give (B, F) from (B, E)."""
    head = make_head(in_dim=in_dim, classes=classes)
    with _trying(head, f"features of width {in_dim}"):
        logit_BF = head(torch.zeros(_IMAGES, in_dim))
    _refuse_other_shape(head, logit_BF, (_IMAGES, classes), f"{_IMAGES} images and {classes} findings")
    return head


def try_dense_head(
    head: DetectionHead | SegmentationHead, *, channels: Mapping[int, int], classes: int, size: tuple[int, int]
) -> None:
    """Raise UserError where ``head`` names no strides, or strides without a map, or returns what no task can read.

    ``channels``: of the encoder's maps by stride in pixels. ``size``: height and width of the images.
    """
    strides = _strides(head, channels)
    maps = [torch.zeros(_IMAGES, channels[one], *(-(-side // one) for side in size)) for one in strides]
    with _trying(head, f"maps of the strides {list(strides)}"):
        if isinstance(head, SegmentationHead):
            logit_BFHW = head(maps, size)
        else:
            found = head.detect(maps, size)
            parts = head.loss(maps, [_one_object(size)] * _IMAGES, size)
    if isinstance(head, SegmentationHead):
        wanted = (_IMAGES, classes, *size)
        _refuse_other_shape(head, logit_BFHW, wanted, f"{_IMAGES} images of {size[0]} x {size[1]}, {classes} findings")
        return
    scalars = isinstance(parts, Mapping) and all(isinstance(one, Tensor) and one.ndim == 0 for one in parts.values())
    if not scalars or not parts:
        raise UserError(f"{_name(head)}.loss does not return scalars by name; return e.g. {{'loss_box': loss}}.")
    if (
        not isinstance(found, Sequence)
        or len(found) != _IMAGES
        or not all(isinstance(one, Detections) for one in found)
    ):
        raise UserError(f"{_name(head)}.detect does not return a list of one Detections per image.")


def _strides(head: DetectionHead | SegmentationHead, channels: Mapping[int, int]) -> Sequence[int]:
    strides: Sequence[int] = getattr(head, "strides", ())
    if not strides:
        raise UserError(
            f"{_name(head)} does not say which maps it reads; set self.strides in its constructor, e.g. (4, 8, 16, 32)."
        )
    missing = [stride for stride in strides if stride not in channels]
    if missing:
        raise UserError(
            f"{_name(head)} asks for a map of stride {missing[0]}, which this encoder does not give; it gives "
            f"{', '.join(map(str, sorted(channels)))}."
        )
    return strides


@contextmanager
def _trying(head: nn.Module, on: str) -> Iterator[None]:
    """Run the block in eval mode without gradient, and use up no random number."""
    training = head.training
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            head.eval()
            yield
    except NotImplementedError as error:
        raise UserError(f"{_name(head)} lacks a method that its base class describes; write it.") from error
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise UserError(f"{_name(head)} cannot be run on {on}: {reason}; correct it or its yaml.") from error
    finally:
        head.train(training)


def _refuse_other_shape(head: nn.Module, logit: object, wanted: tuple[int, ...], of: str) -> None:
    found = tuple(logit.shape) if isinstance(logit, Tensor) else type(logit).__name__
    if found != wanted:
        raise UserError(f"{_name(head)} returns {found} for {of}, where {wanted} is needed; correct its forward.")


def _one_object(size: tuple[int, int]) -> Objects:
    box_N4 = torch.tensor([[0.0, 0.0, size[1] / 2, size[0] / 2]])
    return Objects(box_N4, torch.zeros(1, dtype=torch.int64), box_N4[:0])


def _name(head: nn.Module) -> str:
    return f"head: {type(head).__name__}"
