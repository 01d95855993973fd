"""What a task does with a model, by the parts that its signature names."""

from dataclasses import dataclass

from omegaconf import DictConfig

from src.engine.signature import parameter_names


@dataclass(frozen=True, kw_only=True)
class TaskKind:
    """``evaluates``: a model's weights, which it does not pretrain. ``dense``: by boxes or masks, on whole images.
    ``trains``: a head or the encoder, on augmented images.
    """

    evaluates: bool
    dense: bool
    trains: bool


def task_kind(cfg: DictConfig) -> TaskKind:
    """The kind of the task of this run."""
    parts = set(parameter_names(cfg.task._target_))
    return TaskKind(
        evaluates=bool({"model", "image_encoder"} & parts) and "loss" not in parts,
        dense="annotated_images" in parts,
        trains=bool({"probe", "tuning"} & parts),
    )
