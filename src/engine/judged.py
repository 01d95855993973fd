"""Which weights are judged: a checkpoint's, those that the encoder's yaml names, or random ones."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig, open_dict

from src.core.errors import UserError
from src.core.evaluated_model import TRAINING, EvaluatedModel, WeightsOrigin
from src.core.finished import flatten
from src.engine.trained_run import TrainedRun, followed, read_trained_run, released_run
from src.engine.trained_transform import transform_changes, unknown_transform

_log = logging.getLogger(__name__)

Weights = Literal["auto", "random", "named", "checkpoint"]
"""``auto``: the checkpoint's where one is given, or else as the encoder's yaml says. ``random``: neither.
``named``: the pretrained weights that the encoder's yaml names."""

# Of these a checkpoint cannot be loaded without the very same, but for where the weights come from.
_BUILT_OF = ("encoder.image", "encoder.text", "model")
ORIGIN = ("pretrained", "weights")
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
    if weights == "named" and not any(cfg.encoder.image.get(key) for key in ORIGIN):
        raise UserError(
            "weights=named: encoder.image names no pretrained weights; give encoder.image.pretrained=true, "
            "encoder.image.weights=FILE, or another encoder/image."
        )
    if weights == "checkpoint" and cfg.checkpoint is None:
        raise UserError("weights=checkpoint needs a checkpoint; give checkpoint=PATH.")
    if weights in ("random", "named") or cfg.checkpoint is None:
        return None
    return Path(cfg.checkpoint)


def describe_model(cfg: DictConfig, *, dense: bool = False) -> EvaluatedModel:
    """Which weights of which architecture this run evaluates, and what the config beside a checkpoint says of it.

    ``dense``: whether the task shows whole images, whatever the training cut off.
    """
    image, checkpoint = cfg.encoder.image, judged_checkpoint(cfg)
    name = str(image.get("name") or image._target_.rpartition(".")[2])
    if checkpoint is None:
        origin: WeightsOrigin = "random"
        if cfg.weights != "random" and any(image.get(key) for key in ORIGIN):
            origin = "file" if image.get("weights") else "pretrained"
        return EvaluatedModel(
            architecture=name, weights=origin, file=image.get("weights") if origin == "file" else None
        )
    run = read_trained_run(checkpoint)
    if run is None:
        from src.interop.weights import is_released

        released = is_released(checkpoint)
        changed = transform_changes(cfg, released_run(), dense=dense) if released else [unknown_transform(cfg)]
        return EvaluatedModel(
            architecture=name, weights="checkpoint", file=str(checkpoint), released=released, changed=tuple(changed)
        )
    return EvaluatedModel(
        architecture=name,
        weights="checkpoint",
        file=str(checkpoint),
        losses=run.losses,
        dataset=run.dataset,
        changed=tuple(transform_changes(cfg, run, dense=dense)),
        training=_training(run),
    )


def _training(run: TrainedRun) -> dict[str, Any]:
    """The run's values of ``TRAINING`` by their dotted keys, without what is not set."""
    leaves = {key: value for part in TRAINING for key, value in flatten(run.value(part), part).items()}
    return {key: value for key, value in leaves.items() if value is not None}


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


def refuse_other_model(
    cfg: DictConfig, checkpoint: Path, *, only: tuple[str, ...] = _BUILT_OF, warn: bool = True
) -> None:
    """Hold the config against the one that lies beside a checkpoint of ours, before its weights are loaded.

    Raises UserError naming the settings of the encoders that the checkpoint was trained with and this run has not;
    ``warn``s of settings through which the same weights see something else.
    """
    run = read_trained_run(checkpoint)
    if run is None:
        return
    other = [line for key in only for line in _differences(run, cfg, key)]
    seen = [line for key in _SEEN_THROUGH for line in _differences(run, cfg, key)]
    if other:
        raise UserError(
            f"{checkpoint} was trained with {', '.join(other[:6])}, and this run has others; give these, or the "
            "+experiment that it was trained with."
        )
    if seen and warn:
        _log.warning("The checkpoint was trained with %s, and this run has others.", ", ".join(seen))


def _differences(run: TrainedRun, cfg: DictConfig, key: str) -> Iterator[str]:
    there, here = flatten(run.value(key), key), flatten(followed(cfg, key, source="the command"), key)
    for name, value in there.items():
        if value is not None and name.rpartition(".")[2] not in ORIGIN and name in here and value != here[name]:
            yield f"{name}={value}"
