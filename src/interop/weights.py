"""Weights of a checkpoint, ours or a released MGCA one, put into the model that is to be judged.

Axes: K prototypes, D embedding width.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from src.core.checkpoint import load_exactly, read_tensors
from src.core.checkpoint_kind import checkpoint_kind, in_words
from src.core.errors import UserError
from src.interop.released_mgca import load_released, rename_released
from src.models.alignment import AlignmentModel
from src.models.features import ImageEncoder

_OURS = "model."
_IMAGE = "image_encoder."
_FINE_TUNED = ("encoder.", "network.encoder.")
"""Of a classifier's checkpoint, and of a detector's or a segmentation's."""


def load_model(model: AlignmentModel, path: Path) -> Tensor | None:
    """Load a checkpoint into ``model``; its prototypes (K, D), where it has them.

    Raises UserError where the file is damaged, would run code, or leaves a key over or missing.
    """
    tensors = read_tensors(path)
    kind = checkpoint_kind(tensors)
    if kind == "released":
        return load_released(model, path)
    if kind != "pretraining":
        advice = (
            "for weights of an image encoder give encoder.image.weights=FILE to task=classify, detect or segment"
            if kind == "weights"
            else "task=classify, detect and segment take it"
            if kind != "head"
            else "give the one that its run was given"
        )
        raise UserError(
            f"{path} is {in_words(kind)} and holds no text encoder, which this task needs: give the checkpoint of a "
            f"pretraining run; {advice}."
        )
    load_exactly(model, _below(tensors, _OURS), str(path))
    return prototypes_of(tensors)


def load_image_encoder(encoder: ImageEncoder, path: Path) -> None:
    """Load the image encoder of a checkpoint, of pretraining or of fine-tuning, into ``encoder``; the rest is left.

    Raises UserError where the file is damaged, would run code, has no image encoder, or another one.
    """
    tensors = read_tensors(path)
    kind = checkpoint_kind(tensors)
    if kind == "head":
        raise UserError(
            f"{path} is {in_words(kind)}, which is not inside; give the checkpoint that its run was given "
            "(checkpoint in the config.yaml beside it)."
        )
    named = rename_released(tensors, source=str(path))[0] if kind == "released" else _below(tensors, _OURS)
    found = (_below(named, _IMAGE), *(_below(tensors, prefix) for prefix in _FINE_TUNED))
    weights = next(filter(None, found), None)
    if not weights:
        raise UserError(
            f"{path} holds no image encoder of a run of ours or of MGCA's; for weights of another origin "
            "give encoder.image.weights=FILE in place of checkpoint=FILE."
        )
    load_exactly(encoder, weights, str(path))


def is_released(path: Path) -> bool:
    """Whether a file is a released MGCA checkpoint. Raises UserError where it cannot be read."""
    return checkpoint_kind(read_tensors(path, mapped=True)) == "released"


def prototypes_of(tensors: Mapping[str, Tensor]) -> Tensor | None:
    """The prototypes among the tensors of a loss or of a checkpoint, or None where there are none."""
    return next((tensor for name, tensor in tensors.items() if name.endswith("prototypes_KD")), None)


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
