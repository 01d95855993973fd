"""Which weights are judged: a checkpoint's, those that the encoder's yaml names, or random ones."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf, open_dict
from yaml import YAMLError

from src.core.errors import UserError
from src.core.evaluated_model import TRAINING, EvaluatedModel, WeightsOrigin

_log = logging.getLogger(__name__)

Weights = Literal["auto", "random", "named", "checkpoint"]
"""``auto``: the checkpoint's where one is given, or else as the encoder's yaml says. ``random``: neither.
``named``: the pretrained weights that the encoder's yaml names."""

# Of these a checkpoint cannot be loaded without the very same, but for where the weights come from.
_BUILT_OF = ("encoder.image", "encoder.text", "model")
_ORIGIN = ("pretrained", "weights")
_NONE = {"pretrained": False, "weights": None}
# With these of another value the same weights see something else.
_SEEN_THROUGH = ("rules", "transform.size", "transform.crop", "datamodule.max_tokens")


def judged_checkpoint(cfg: DictConfig) -> Path | None:
    """The checkpoint whose weights are judged, or None for those that the encoders are built with.

    Raises UserError where ``weights`` asks for what is not there.
    """
    weights: Weights = cfg.weights
    if weights not in ("auto", "random", "named", "checkpoint"):
        raise UserError(f"weights={weights} is none of auto, random, named, checkpoint; choose one of them.")
    if weights == "named" and not any(cfg.encoder.image.get(key) for key in _ORIGIN):
        raise UserError(
            "weights=named: encoder.image names no pretrained weights; give encoder.image.pretrained=true, "
            "encoder.image.weights=FILE, or another encoder/image."
        )
    if weights == "checkpoint" and cfg.checkpoint is None:
        raise UserError("weights=checkpoint needs a checkpoint; give checkpoint=PATH.")
    if weights in ("random", "named") or cfg.checkpoint is None:
        return None
    return Path(cfg.checkpoint)


def describe_model(cfg: DictConfig) -> EvaluatedModel:
    """Which weights of which architecture this run evaluates, and what the config beside a checkpoint says of it."""
    image, checkpoint = cfg.encoder.image, judged_checkpoint(cfg)
    name = str(image.get("name") or image._target_.rpartition(".")[2])
    if checkpoint is None:
        origin: WeightsOrigin = "random"
        if cfg.weights != "random" and any(image.get(key) for key in _ORIGIN):
            origin = "file" if image.get("weights") else "pretrained"
        return EvaluatedModel(
            architecture=name, weights=origin, file=image.get("weights") if origin == "file" else None
        )
    theirs = _config_beside(checkpoint)
    if theirs is None:
        from src.interop.weights import is_released

        released = is_released(checkpoint)
        return EvaluatedModel(architecture=name, weights="checkpoint", file=str(checkpoint), released=released)
    losses = tuple(str(loss) for loss, node in (theirs.get("loss") or {}).items() if node)
    dataset = OmegaConf.select(theirs, "dataset.name") or OmegaConf.select(theirs, "store.dataset")
    return EvaluatedModel(
        architecture=name,
        weights="checkpoint",
        file=str(checkpoint),
        losses=losses,
        dataset=dataset,
        training={key: value for part in TRAINING for key, value in _flat(theirs, part)},
    )


def with_weights(cfg: DictConfig, checkpoint: Path | None) -> DictConfig:
    """The config whose encoders are built with the weights to judge, or, before a checkpoint, with none in vain."""
    if cfg.weights != "random" and checkpoint is None:
        return cfg
    chosen: DictConfig = cfg.copy()
    with open_dict(chosen):
        for node in (chosen.encoder.image, chosen.encoder.text):
            # an architecture is only read without pretrained weights, and may be another one
            if cfg.weights == "random" or "architecture" not in node:
                node.update({key: value for key, value in _NONE.items() if key in node})
    return chosen


def refuse_other_model(cfg: DictConfig, checkpoint: Path, *, only: tuple[str, ...] = _BUILT_OF) -> None:
    """Hold the config against the one that lies beside a checkpoint of ours, before its weights are loaded.

    Raises UserError naming the settings of the encoders that the checkpoint was trained with and this run has not;
    warns of settings through which the same weights see something else.
    """
    theirs = _config_beside(checkpoint)
    if theirs is None:
        return
    other = [line for key in only for line in _differences(theirs, cfg, key)]
    seen = [line for key in _SEEN_THROUGH for line in _differences(theirs, cfg, key)]
    if other:
        raise UserError(
            f"{checkpoint} was trained with {', '.join(other[:6])}, and this run has others; give these, or the "
            "+experiment that it was trained with."
        )
    if seen:
        _log.warning("The checkpoint was trained with %s, and this run has others.", ", ".join(seen))


def _config_beside(checkpoint: Path) -> DictConfig | None:
    """The config of the run that wrote ``checkpoint``; None where none that can be read lies beside it."""
    beside = checkpoint.parent / "config.yaml"
    try:
        theirs = OmegaConf.load(beside) if beside.is_file() else None
    except (YAMLError, OSError, ValueError):
        return None
    return theirs if isinstance(theirs, DictConfig) else None


def _differences(theirs: Any, ours: DictConfig, key: str) -> Iterator[str]:
    there, here = dict(_flat(theirs, key)), dict(_flat(ours, key))
    for name in there:
        if name.rpartition(".")[2] not in _ORIGIN and name in here and there[name] != here[name]:
            yield f"{name}={there[name]}"


def _flat(cfg: Any, key: str) -> Iterator[tuple[str, Any]]:
    node = OmegaConf.select(cfg, key)
    if OmegaConf.is_config(node):
        node = OmegaConf.to_container(node, resolve=True)
    yield from _leaves(node, key)


def _leaves(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for name, child in node.items():
            yield from _leaves(child, f"{key}.{name}")
    elif node is not None:
        yield key, node
