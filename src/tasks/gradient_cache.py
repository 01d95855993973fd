"""Large batches on one device: gradient caching (Gao et al. 2021, Scaling deep contrastive learning batch size).

Axes: B pairs of the batch.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from src.core.batch import PairBatch
from src.core.embeddings import Embeddings
from src.core.errors import UserError
from src.models.alignment import AlignmentModel
from src.models.projection import RowBatchNorm


@dataclass(frozen=True)
class GradientCache:
    """Embeds a batch in micro-batches of ``micro_batch_size`` pairs, of which one at a time holds its activations.

    The forward pass of each micro-batch keeps its result alone; the losses see the whole batch; in the backward pass
    each micro-batch is run again and takes its share of the gradient. The gradients are those of the whole batch but
    for what normalises over the batch:

    - ``whole_batch_norm``: only the encoders are run by the micro-batch, and the projections, whose BatchNorms need
      every row, by the batch. BatchNorms inside an encoder (a ResNet's) are held: they normalise by their running
      statistics and do not change them. The gradients equal those of a plain step of the same model exactly.
    - otherwise projections too are run by the micro-batch, at less memory; every BatchNorm normalises each micro-batch
      by its own statistics, as it would do in batches of that size, and the gradients are those of that model.

    Raises UserError for a micro-batch too small to be normalised.
    """

    micro_batch_size: int
    whole_batch_norm: bool

    def __post_init__(self) -> None:
        least = 1 if self.whole_batch_norm else 2
        if self.micro_batch_size < least:
            raise UserError(
                f"task.micro_batch_size is {self.micro_batch_size}, but must be at least {least}"
                + ("" if self.whole_batch_norm else " where task.whole_batch_norm is false")
                + "; or null for none."
            )

    def embed(self, model: AlignmentModel, batch: PairBatch) -> Embeddings:
        """What ``model(batch)`` gives."""
        if self.whole_batch_norm:
            _hold_batch_norms(model.image_encoder)
        sizes = self._sizes(len(batch))
        tensors = (batch.image_BCHW, batch.token_BL, batch.token_mask_BL)
        micro_batches = list(zip(*(tensor.split(sizes) for tensor in tensors), strict=True))

        def run_twice(forward: Callable[..., Any]) -> list[Any]:
            def contexts() -> tuple[Any, Any]:
                return nullcontext(), _held_statistics(model)

            return [checkpoint(forward, *one, use_reentrant=False, context_fn=contexts) for one in micro_batches]

        if self.whole_batch_norm:
            images, texts = zip(*run_twice(model.encode), strict=True)
            return model.project(_joined(images), _joined(texts))
        return _joined(run_twice(lambda *one: model.project(*model.encode(*one))))

    def _sizes(self, batch_size: int) -> list[int]:
        count = -(-batch_size // self.micro_batch_size)
        # near-even, so that no small rest is left to be normalised by itself
        return [batch_size // count + (place < batch_size % count) for place in range(count)]


def _hold_batch_norms(encoder: nn.Module) -> None:
    for module in encoder.modules():
        if isinstance(module, _BatchNorm):
            module.eval()


def _joined(parts: Any) -> Any:
    """The parts of a batch, each a dataclass of tensors of B rows, as one."""
    first = parts[0]
    return type(first)(**{f.name: _join([getattr(part, f.name) for part in parts]) for f in fields(first)})


def _join(values: list[Any]) -> Any:
    return torch.cat(values) if isinstance(values[0], Tensor) else values[0]


@contextmanager
def _held_statistics(model: nn.Module) -> Iterator[None]:
    """Run a forward pass again without counting its rows twice in the running statistics."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm | RowBatchNorm)]
    momenta = [norm.momentum for norm in norms]
    counts = [count for name, count in model.named_buffers() if name.endswith("num_batches_tracked")]
    counted = [count.clone() for count in counts]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for count, before in zip(counts, counted, strict=True):
            count.copy_(before)
