"""mmsegmentation's losses for findings that may overlap.

Axes: B images, F findings, N = B x F binary maps, 1 or 2 channels, H and W pixels.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from src.core.dense import IGNORED
from src.core.errors import UserError
from src.core.mmcv_ops import ensure_mmcv, quiet_libraries, require_packages
from src.core.precision import at_least_float32, without_autocast

_CERTAIN = 30.0
"""A logit whose probability is 1 to 13 digits."""

_CHEAP = 0.01
"""What a right answer may cost at most, as a share of what a wrong one costs, both certain."""

_Form = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def _one_channel(logit_NHW: Tensor, mask_NHW: Tensor) -> tuple[Tensor, Tensor]:
    return logit_NHW[:, None], mask_NHW


def _one_channel_both(logit_NHW: Tensor, mask_NHW: Tensor) -> tuple[Tensor, Tensor]:
    return logit_NHW[:, None], mask_NHW[:, None]


def _two_classes(logit_NHW: Tensor, mask_NHW: Tensor) -> tuple[Tensor, Tensor]:
    """A softmax over (0, logit) is the sigmoid of the logit."""
    return torch.stack((torch.zeros_like(logit_NHW), logit_NHW), dim=1), mask_NHW


class MMSegLoss(nn.Module):
    """The sum of mmsegmentation's losses, each by its own config dictionary: ``{type: DiceLoss, loss_weight: 1.0}``.

    Every finding of every image is a binary map of its own. The library's losses do not agree on how such a map is
    given; each is given it in the first way in which certain right answers cost it nothing and wrong ones something.
    An ignored pixel is given as background that is predicted with certainty. So it costs nothing and teaches nothing,
    though a mean over pixels counts it.
    Raises UserError where mmsegmentation is missing, refuses a config, or a loss can be given no binary map.
    """

    def __init__(self, *, losses: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        if not losses:
            raise UserError("mask_loss.losses is empty; give at least one, e.g. [{type:DiceLoss}].")
        require_packages("mmseg")
        ensure_mmcv()
        self.losses = nn.ModuleList(_built(config) for config in losses)
        forms = [_first_fit(loss, (_one_channel, _one_channel_both, _two_classes), "cpu") for loss in self.losses]
        self._forms: dict[str, list[_Form]] = {"cpu": forms}

    def forward(self, logit_BFHW: Tensor, mask_BFHW: Tensor) -> Tensor:
        """The sum of the losses, a scalar, in float32. ``mask_BFHW``: 1 the finding, 0 background, ``IGNORED``."""
        with without_autocast(logit_BFHW):
            known_NHW = (mask_BFHW != IGNORED).flatten(0, 1)
            logit_NHW = torch.where(known_NHW, at_least_float32(logit_BFHW).flatten(0, 1), -_CERTAIN)
            mask_NHW = (mask_BFHW == 1).flatten(0, 1).long()
            forms = self._forms_on(logit_BFHW.device.type)
            costs = [loss(*form(logit_NHW, mask_NHW)) for loss, form in zip(self.losses, forms, strict=True)]
        return torch.stack([cost.mean() for cost in costs]).sum()

    def _forms_on(self, device: str) -> list[_Form]:
        """The form of each loss on this kind of device: the library's focal loss has another one on a GPU.

        A form that the CPU refused may stop a GPU for good, so only forms of the same number of channels are tried.
        """
        if device not in self._forms:
            tried: dict[_Form, tuple[_Form, ...]] = {
                _one_channel: (_one_channel, _one_channel_both),
                _one_channel_both: (_one_channel_both, _one_channel),
                _two_classes: (_two_classes,),
            }
            self._forms[device] = [
                _first_fit(loss, tried[form], device)
                for loss, form in zip(self.losses, self._forms["cpu"], strict=True)
            ]
        return self._forms[device]


def _built(config: Mapping[str, Any]) -> nn.Module:
    with quiet_libraries():
        from mmseg.registry import MODELS

        try:
            loss: nn.Module = MODELS.build(dict(config))
        except (KeyError, TypeError, ValueError, AssertionError, RuntimeError) as error:
            reason = str(error.args[0] if error.args else "it is refused").split(". ")[0]
            raise UserError(
                f"mask_loss.losses has {dict(config)}, which mmseg cannot build: {reason}; correct it after mmseg's "
                "documentation."
            ) from error
    return loss


@torch.no_grad()
def _first_fit(loss: nn.Module, forms: Sequence[_Form], device: str) -> _Form:
    """The first form in which the loss tells right from wrong."""
    mask_NHW = torch.zeros(2, 16, 16, dtype=torch.int64, device=device)
    mask_NHW[:, 4:12, 4:12] = 1
    right_NHW = (2.0 * mask_NHW - 1) * _CERTAIN
    with quiet_libraries():
        for form in forms:
            try:
                cost, wrong = (float(loss(*form(logit_NHW, mask_NHW)).mean()) for logit_NHW in (right_NHW, -right_NHW))
            except (TypeError, ValueError, IndexError, RuntimeError, AssertionError, AttributeError, UserError):
                continue
            if wrong > 0 and abs(cost) <= _CHEAP * wrong:
                return form
    raise UserError(
        f"mask_loss.losses has {type(loss).__name__}, which with these settings does not tell right masks from wrong "
        "ones; choose others, or another of mmsegmentation's losses."
    )
