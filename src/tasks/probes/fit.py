"""What a probe hands back, and what it is.

Axes: N images, F findings or classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from lightning import Trainer
from torch import Tensor, nn

from src.core.errors import UserError
from src.data.datamodule import PairDataModule
from src.data.sources import Split
from src.evaluation.resample import evaluable_findings
from src.models.features import ImageEncoder


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fitted head's probabilities (N, F), float64.

    ``settings``: the config keys that it is of where one probe fits several. ``chosen``: what the validation split
    chose for it, by name. ``train_NF``: the labels of the images that it was fitted on.
    """

    settings: Mapping[str, Any]
    chosen: Mapping[str, float]
    val_NF: Tensor
    judged_NF: Tensor
    train_NF: Tensor


@dataclass(frozen=True, kw_only=True)
class ProbeInput:
    """What a probe is given: the encoder, the images, and what to make heads and trainers with."""

    encoder: ImageEncoder
    datamodule: PairDataModule
    make_head: Callable[..., nn.Module]
    make_trainer: Callable[..., Trainer]
    judge_on: Split
    resume_from: Path | None


class Probe(Protocol):
    """How an encoder is judged by classification; an option of ``conf/probe``.

    ``trains_by_steps``: whether Lightning trains, which several processes can share. ``drop_last``: whether the last
    incomplete batch is left out.
    """

    batch_size: int
    drop_last: bool
    trains_by_steps: ClassVar[bool]

    @property
    def said(self) -> str:
        """What was trained, as a sentence for the heading of a table."""
        ...

    def __call__(self, given: ProbeInput) -> list[Fit]:
        """Fit on the training split, choose on the validation split, and predict both it and ``judge_on``.

        Nothing in the processes but the first.
        """
        ...


def refuse_one_sided(label_NF: Tensor, of: str) -> None:
    """Raise UserError where no finding is both there and not among the images ``of`` a training set."""
    if not evaluable_findings(label_NF):
        raise UserError(
            f"{of} has {len(label_NF)} image(s) and no finding with both a positive and a negative among them, so "
            "nothing can be learnt; take a larger fraction, more images or other findings."
        )
