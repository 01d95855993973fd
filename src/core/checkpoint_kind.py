"""What a file of weights is of, told by the names of its tensors."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from src.core.errors import UserError

Kind = Literal["pretraining", "released", "classifier", "dense", "head", "weights"]
"""``pretraining``: a run's, of both encoders. ``released``: MGCA's own. ``classifier``, ``dense``: of a fine-tuned
image encoder with its head. ``head``: of a head on a frozen encoder, which is not inside. ``weights``: anything else,
such as a library's weights of an encoder.
"""
_WORDS: dict[Kind, str] = {
    "pretraining": "a checkpoint of a pretraining run",
    "released": "a released MGCA checkpoint",
    "classifier": "a checkpoint of task=classify",
    "dense": "a checkpoint of task=detect or task=segment",
    "head": "a checkpoint of a head on a frozen encoder",
    "weights": "a file of weights",
}
_PREFIXES: dict[Kind, str] = {
    "released": "img_encoder_q.",
    "pretraining": "model.image_encoder.",
    "dense": "network.encoder.",
}


def checkpoint_kind(names: Iterable[str]) -> Kind:
    """The kind of a file that holds tensors of these ``names``."""
    names = list(names)
    for kind, prefix in _PREFIXES.items():
        if any(name.startswith(prefix) for name in names):
            return kind
    first = {name.partition(".")[0] for name in names}
    if first == {"encoder", "head"}:
        return "classifier"
    return "head" if first and first <= {"head", "network", "mask_loss"} else "weights"


def in_words(kind: Kind) -> str:
    """The kind as messages call it."""
    return _WORDS[kind]


def refuse_run(path: str, *, key: str) -> None:
    """Raise UserError where the folder or the file that ``key`` names is of a run, and not of one encoder's library."""
    folder = Path(path)
    checkpoints = [folder] if folder.suffix == ".ckpt" and folder.is_file() else list(folder.glob("*.ckpt"))
    if checkpoints or (folder / "checkpoints").is_dir():
        raise UserError(
            f"{key}={path} is of a run, whose checkpoint holds both encoders; give checkpoint={path} in its place."
        )


def refuse_checkpoint(names: Iterable[str], *, key: str, file: str) -> None:
    """Raise UserError where the file that ``key`` names is a whole checkpoint and not the weights of one encoder."""
    kind = checkpoint_kind(names)
    if kind == "weights":
        return
    advice = (
        "it holds no encoder: give the checkpoint that its run was given"
        if kind == "head"
        else f"give checkpoint={file} in its place"
    )
    raise UserError(f"{key}={file} is {_WORDS[kind]}, not the weights of one encoder; {advice}.")
