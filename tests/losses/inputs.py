"""Embeddings for tests: random by seed, of any shape."""

from dataclasses import dataclass, fields, replace

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from src.core.embeddings import Embeddings

VECTORS = ("image_global_BD", "text_global_BD", "image_local_BPD", "text_local_BTD")


@dataclass(frozen=True)
class Shape:
    batch: int = 4
    patches: int = 5
    words: int = 7
    width: int = 16
    seed: int = 0
    image_attention: bool = True
    full: bool = False


shapes = st.builds(
    Shape,
    batch=st.integers(1, 4),
    patches=st.integers(1, 6),
    words=st.integers(1, 8),
    width=st.integers(2, 6),
    seed=st.integers(0, 2**31),
    image_attention=st.booleans(),
    full=st.booleans(),
)
"""With one image, one patch, one word, and reports that fill every position, among others."""


def embeddings_of(shape: Shape, dtype: torch.dtype = torch.float64) -> Embeddings:
    """Random unit vectors; the first report is one word long and the last fills every position, unless all do."""
    generator = torch.Generator().manual_seed(shape.seed)
    B, P, T, D = shape.batch, shape.patches, shape.words, shape.width

    def unit(*size: int) -> Tensor:
        return normalize(torch.randn(*size, D, generator=generator, dtype=torch.float64), dim=-1).to(dtype)

    length_B = torch.randint(1, T + 1, (B,), generator=generator)
    length_B[0], length_B[-1] = 1, T
    mask_BT = torch.arange(T) < length_B.clamp_min(T if shape.full else 0).unsqueeze(1)
    attention_BT = torch.rand(B, T, generator=generator, dtype=torch.float64).to(dtype) * mask_BT
    return Embeddings(
        image_global_BD=unit(B),
        text_global_BD=unit(B),
        image_local_BPD=unit(B, P),
        text_local_BTD=unit(B, T),
        text_mask_BT=mask_BT,
        text_attention_BT=attention_BT,
        image_attention_BP=torch.rand(B, P, generator=generator).to(dtype) if shape.image_attention else None,
    )


def mapped(embeddings: Embeddings, change) -> Embeddings:
    """The same with ``change`` applied to every tensor there is."""
    values = {f.name: getattr(embeddings, f.name) for f in fields(embeddings)}
    return replace(embeddings, **{name: change(value) for name, value in values.items() if value is not None})


def with_leaves(embeddings: Embeddings) -> tuple[Embeddings, list[Tensor]]:
    """The same with the four sorts of vectors as new leaves that record gradients."""
    leaves = {name: getattr(embeddings, name).detach().clone().requires_grad_() for name in VECTORS}
    return replace(embeddings, **leaves), list(leaves.values())
