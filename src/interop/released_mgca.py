"""Released MGCA checkpoints, read into our model.

Axes: K prototypes, D embedding width.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from src.core.checkpoint import load_exactly, read_tensors
from src.core.errors import UserError
from src.models.alignment import AlignmentModel

_RENAMED = {
    "img_encoder_q.model.": "image_encoder.model.",
    "img_encoder_q.global_embed.head.": "image_global.",
    "img_encoder_q.local_embed.head.": "image_local.",
    "text_encoder_q.model.": "text_encoder.model.",
    "text_encoder_q.global_embed.head.": "text_global.",
    "text_encoder_q.local_embed.head.": "text_local.",
}
_PROJECTION_LAYERS = {"0": "expand", "1": "expand_norm", "3": "reduce", "4": "reduce_norm"}
_PROTOTYPES = "prototype_layer.weight"
# Weights that are in every released checkpoint and that its training never touched: off in every loss, at their random
# start. The two attention layers are what the released notebook draws (src/evaluation/attention_map.py).
_UNUSED = re.compile(
    r"^(?:patch_local_atten_layer|word_local_atten_layer)\.|\.crossattention\.|\.embeddings\.position_ids$"
)
_TOKEN_TYPES = "text_encoder.model.embeddings.token_type_embeddings.weight"


def load_released(model: AlignmentModel, path: Path | str) -> Tensor:
    """Copies a released MGCA checkpoint into ``model`` and returns its prototypes, (K, D).

    The file is a Lightning checkpoint with ``state_dict`` (and ``hyper_parameters``, which are not needed), or a
    .safetensors file of the same names. Local attention layers and cross-attention, which were never trained, and
    position ids are known and left aside; the token-type table, which the released BERT lacks, becomes zero. ``model``
    has the encoder that the checkpoint was trained with, and published rules.

    Raises UserError for a file that is missing, broken, or asks for code; for a model of other rules; and, with a
    list, for any weight that is left over, missing, or of another shape.
    """
    if model.rules != "published":
        raise UserError(
            f"The released checkpoint {path} was trained without word order and needs published rules: set "
            "rules=published."
        )
    tensors, prototypes_KD = rename_released(read_tensors(path), source=str(path))
    own_types = model.state_dict().get(_TOKEN_TYPES)
    if own_types is not None:
        tensors.setdefault(_TOKEN_TYPES, torch.zeros_like(own_types))
    load_exactly(model, tensors, source=str(path))
    return prototypes_KD


def rename_released(released: Mapping[str, Tensor], *, source: str) -> tuple[dict[str, Tensor], Tensor]:
    """The tensors of a released ``state_dict`` under our model's names, and the prototypes.

    Raises UserError that lists the names which no released checkpoint has, or where the prototypes are missing.
    """
    renamed: dict[str, Tensor] = {}
    unknown: list[str] = []
    for key, value in released.items():
        if key == _PROTOTYPES or _UNUSED.search(key):
            continue
        name = _our_name(key)
        if name is None:
            unknown.append(key)
        else:
            renamed[name] = value.squeeze(-1) if _is_convolution(key, value) else value
    if unknown:
        raise UserError(
            f"{source} is not a released MGCA checkpoint: {len(unknown)} unknown weights, among them "
            f"{', '.join(unknown[:10])}; to load a run of this project use checkpoint= or resume=."
        )
    if _PROTOTYPES not in released:
        raise UserError(f"{source} is not a released MGCA checkpoint: it lacks {_PROTOTYPES}; fetch it again.")
    return renamed, released[_PROTOTYPES]


def _our_name(key: str) -> str | None:
    for theirs, ours in _RENAMED.items():
        if not key.startswith(theirs):
            continue
        rest = key.removeprefix(theirs)
        if not theirs.endswith(".head."):
            return ours + rest
        index, _, leaf = rest.partition(".")
        return f"{ours}{_PROJECTION_LAYERS[index]}.{leaf}" if index in _PROJECTION_LAYERS else None
    return None


def _is_convolution(key: str, value: Tensor) -> bool:
    return ".local_embed.head." in key and value.ndim == 3 and value.shape[-1] == 1
