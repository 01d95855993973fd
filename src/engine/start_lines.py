"""The first lines of a run: its task, data set and folder, and the encoders."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from src.core.durations import large
from src.engine.run_folder import DEFAULT_NAME


def start_lines(cfg: DictConfig, built: dict[str, Any], *, task: str, dataset: str, folder: Path) -> list[str]:
    """Return the task with its data set and folder and, where the task has a model, the encoders and the device.

    ``dataset``: its name, empty for a task without one. ``built``: the parts that the task is given, of which ``model``
    or ``image_encoder`` has the parameters.
    """
    data = f" on {dataset}" if dataset else ""
    name = f", {cfg.name}" if cfg.name != DEFAULT_NAME else ""
    lines = [f"task      {task}{data}{name}, in {folder}"]
    if encoders := list(_encoders(cfg, built)):
        lines.append(f"model     {', '.join(encoders)}; on {_device(cfg, built)}")
    return lines


def _encoders(cfg: DictConfig, built: dict[str, Any]) -> Iterator[str]:
    model = built.get("model")
    image = built.get("image_encoder") if model is None else model.image_encoder
    for kind, encoder in (("image", image), ("text", getattr(model, "text_encoder", None))):
        if encoder is not None:
            node = cfg.encoder[kind]
            name = node.get("name") or node._target_.rpartition(".")[2]
            count = sum(parameter.numel() for parameter in encoder.parameters())
            yield f"{kind} encoder {name} ({large(count)} parameters)"


def _device(cfg: DictConfig, built: dict[str, Any]) -> str:
    trainer = built.get("trainer")
    if trainer is None:
        return str(cfg.trainer.accelerator)
    several = f", {trainer.world_size} processes" if trainer.world_size > 1 else ""
    return f"{trainer.strategy.root_device}{several}"
