"""Refuses losses that several processes cannot compute as one process would.

Axes: B image-report pairs, N those of the whole batch, D embedding width.
"""

import copy
import logging
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from src.core.embeddings import Embeddings
from src.core.errors import UserError
from src.losses.base import Loss

_log = logging.getLogger(__name__)
_SIZES = (5, 3)
_PATCHES, _WORDS = 16, 12
_VECTORS = ("image_global_BD", "text_global_BD", "image_local_BPD", "text_local_BTD")
_ALTERNATIVES = (
    "train in one process (trainer.devices=1 trainer.num_nodes=1), or let each process contrast its own pairs alone "
    "(task.negatives=local)"
)


class _Computed(NamedTuple):
    """``state``: parameters and buffers after the forward pass."""

    value: Tensor
    gradients: list[Tensor]
    state: dict[str, Tensor]


def refuse_wrong_in_parts(losses: Mapping[str, Loss], *, width: int) -> None:
    """Raise UserError for the first of ``losses`` that is not the same on several processes as on one.

    A loss that declares ``distributed = False`` is refused. Any other is computed on a made batch, whole and in two
    parts with the whole batch as candidates: the mean of the parts, weighted by their pairs, must have the value, the
    gradients and the state of the whole. ``width``: of the embeddings.
    """
    for name, loss in losses.items():
        title = f"loss.{name} ({type(loss).__name__})"
        if not loss.distributed:
            raise UserError(f"{title} cannot be right on several processes, as its class declares; {_ALTERNATIVES}.")
        try:
            wrong = _difference(loss, width)
        except (RuntimeError, ValueError, IndexError) as error:
            _log.warning("%s could not be checked for several processes: %s", title, type(error).__name__)
            continue
        if wrong is not None:
            raise UserError(
                f"{title} cannot be right on several processes: its {wrong} over two parts of a batch is not that over "
                "the whole batch. Take the candidates of the embeddings as negatives and the mean over pairs, or "
                f"{_ALTERNATIVES}."
            )


def _difference(loss: Loss, width: int) -> str | None:
    """Which of value, gradient and state differs, or None. A loss that draws random numbers cannot be compared."""
    embeddings = _made(width)
    index_N = torch.arange(sum(_SIZES))
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        whole, again = (_compute(loss, embeddings, [index_N]) for _ in range(2))
        if not torch.equal(whole.value, again.value):
            return None
        parts = _compute(loss, embeddings, list(index_N.split(_SIZES)))
    if not _close(parts.value, whole.value):
        return "value"
    pairs = zip(parts.gradients, whole.gradients, strict=True)
    if not all(_close(part, one) for part, one in pairs):
        return "gradient"
    return None if all(_close(parts.state[name], one) for name, one in whole.state.items()) else "state"


def _compute(loss: Loss, embeddings: Embeddings, parts: list[Tensor]) -> _Computed:
    """The mean of the loss over ``parts``, each by a process of its own with a copy of the loss."""
    leaves = {name: getattr(embeddings, name).clone().requires_grad_() for name in _VECTORS}
    whole = replace(embeddings, **leaves)
    copies = [copy.deepcopy(loss).double().train() for _ in parts]
    values = []
    for one, own_B in zip(copies, parts, strict=True):
        part = whole
        if len(parts) > 1:
            rows = {f.name: getattr(whole, f.name) for f in fields(whole)}
            rows = {name: tensor[own_B] for name, tensor in rows.items() if tensor is not None}
            candidates = {"image_candidate_ND": whole.image_global_BD, "text_candidate_ND": whole.text_global_BD}
            part = replace(whole, **{**rows, **candidates, "own_B": own_B})
        values.append(one(part) * len(own_B) / sum(_SIZES))
    value = torch.stack(values).sum()
    if value.requires_grad:
        value.backward()
    gradients = [_gradient(leaf) for leaf in leaves.values()]
    for same in zip(*(one.parameters() for one in copies), strict=True):
        gradients.append(torch.stack([_gradient(parameter) for parameter in same]).sum(dim=0))
    # a process has no part in what another one's copy of the loss has counted
    first, *others = (one.state_dict() for one in copies)
    state = {name: torch.stack([first[name], *(other[name] for other in others)]) for name in first}
    return _Computed(value.detach(), gradients, state)


def _gradient(leaf: Tensor) -> Tensor:
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def _close(part: Tensor, whole: Tensor) -> bool:
    return torch.allclose(part.double(), whole.double(), rtol=1e-4, atol=1e-7, equal_nan=True)


def _made(width: int) -> Embeddings:
    """Random unit vectors of ``sum(_SIZES)`` pairs, and attention that is not uniform."""
    generator = torch.Generator().manual_seed(0)
    B = sum(_SIZES)

    def unit(*size: int) -> Tensor:
        return normalize(torch.randn(*size, width, generator=generator, dtype=torch.float64), dim=-1)

    return Embeddings(
        image_global_BD=unit(B),
        text_global_BD=unit(B),
        image_local_BPD=unit(B, _PATCHES),
        text_local_BTD=unit(B, _WORDS),
        text_mask_BT=torch.arange(_WORDS) < (_WORDS - torch.arange(B).unsqueeze(1)),
        text_attention_BT=torch.rand(B, _WORDS, generator=generator, dtype=torch.float64),
        image_attention_BP=torch.rand(B, _PATCHES, generator=generator, dtype=torch.float64),
    )
