"""Judges a checkpoint on held-out studies."""

from pathlib import Path

from lightning import Trainer
from torch import Tensor

from src.core.checkpoint import load_exactly, read_tensors
from src.data.datamodule import PairDataModule
from src.data.sources import Split
from src.evaluation.prompts import Prompts
from src.interop.released_mgca import load_released
from src.models.alignment import AlignmentModel
from src.tasks.draw import draw_pictures, log_media
from src.tasks.judge import judge, keep_skipped, prototypes_of, show, show_where


def evaluate(
    *,
    judge_on: Split,
    pictures: bool,
    checkpoint: Path,
    model: AlignmentModel,
    datamodule: PairDataModule,
    prompts: Prompts | None,
    trainer: Trainer,
    run_dir: Path,
) -> None:
    """Judge ``checkpoint``, one of ours or a released MGCA file, on the split ``judge_on``.

    Raises UserError where the checkpoint is damaged, would run code, or does not fit the configured model.
    """
    device = trainer.strategy.root_device
    prototype_KD = load_model(model, checkpoint)
    verdict = judge(
        model.to(device),
        datamodule,
        prompts=prompts,
        prototype_KD=prototype_KD,
        split=judge_on,
        precision=trainer.precision,
    )
    show({checkpoint.stem: verdict.metrics}, verdict, run_dir)
    if pictures:
        log_media(trainer.loggers, draw_pictures(model, datamodule, verdict, run_dir))
    keep_skipped(datamodule, run_dir)
    show_where(run_dir)


def load_model(model: AlignmentModel, path: Path) -> Tensor | None:
    """Load a checkpoint of ours or a released one into ``model``; its prototypes, where it has them.

    Raises UserError where the file is damaged, would run code, or leaves a key over or missing.
    """
    tensors = read_tensors(path)
    if any(name.startswith("img_encoder_q.") for name in tensors):
        return load_released(model, path)
    weights = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
    load_exactly(model, weights, str(path))
    return prototypes_of(tensors)
