"""What every loss is: a module from the embeddings of a batch to one number."""

from dataclasses import fields, replace
from typing import ClassVar

from pydantic import NonNegativeFloat
from torch import Tensor, nn

from src.core.embeddings import Embeddings
from src.core.errors import UserError
from src.core.precision import at_least_float32, without_autocast


class Loss(nn.Module):
    """Base of the losses. A new one writes ``compute`` and is named by ``_target_`` in conf/loss/.

    ``weight`` is its factor in the total; the loss itself stays unweighted.

    ``distributed``: whether several processes compute what one would; False for a loss that contrasts what is not
    gathered, e.g. the words of other pairs. Trainings by several processes refuse it, and any loss whose parts do not
    make up the whole. ``stops_gradient``: whether the gradient leaves out a part of the input on purpose (targets
    without gradient), so that it is not the derivative of the value; the loss's own test then checks it.
    """

    distributed: ClassVar[bool] = True
    stops_gradient: ClassVar[bool] = False

    def __init__(self, *, weight: NonNegativeFloat) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, embeddings: Embeddings) -> Tensor:
        """The unweighted loss, a scalar, in float32 whatever autocast says (in float64 for float64 embeddings)."""
        with without_autocast(embeddings.image_global_BD):
            return self.compute(_at_least_float32(embeddings))

    def compute(self, embeddings: Embeddings) -> Tensor:
        """The unweighted loss of embeddings in float32 or float64, outside autocast."""
        raise NotImplementedError

    def after_backward(self, *, epoch: int) -> None:
        """Called between the backward pass and the optimiser's step of each batch of ``epoch``, counted from 0."""


def require_positive(loss: Loss, **settings: float) -> None:
    """Raises UserError for the first setting that is not above 0."""
    for name, value in settings.items():
        if not value > 0:
            raise UserError(f"{name} of {type(loss).__name__} is {value}; give it a value above 0.")


def _at_least_float32(embeddings: Embeddings) -> Embeddings:
    values = {f.name: getattr(embeddings, f.name) for f in fields(embeddings)}
    floating = {name: value for name, value in values.items() if value is not None and value.is_floating_point()}
    return replace(embeddings, **{name: at_least_float32(value) for name, value in floating.items()})
