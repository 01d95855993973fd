"""Trains a dense head by Lightning and leaves it with its best weights."""

from collections.abc import Callable
from pathlib import Path

from lightning import Trainer
from torch import nn

from src.core.checkpoint import load_exactly, read_tensors
from src.data.annotated_images import AnnotatedImages
from src.data.sources import Split
from src.models.features import ImageEncoder
from src.tasks.best_checkpoint import best_checkpoint
from src.tasks.dense.cached_maps import MOST_BYTES, cached_maps
from src.tasks.dense.module import DenseModule
from src.tasks.dense.network import DenseNetwork, Head
from src.tasks.dense.tuning import Tuning
from src.tasks.probes.module import ProbeData


def train(module: DenseModule[Head], images: AnnotatedImages, trainer: Trainer, resume_from: Path | None) -> bool:
    """Fit ``module`` on the training split; its weights are then those that did best on the validation split.

    What a constant encoder makes of the validation images is made once. False in the processes but the first, which
    have nothing more to do.
    """
    loader = images.val_dataloader()
    if module.network.constant_encoder:
        loader = cached_maps(
            module.network,
            loader,
            device=trainer.strategy.root_device,
            precision=trainer.precision,
            most_bytes=MOST_BYTES,
        )
    trainer.fit(module, datamodule=ProbeData(images, loader), ckpt_path=resume_from)
    if not trainer.is_global_zero:
        return False
    best = best_checkpoint(trainer.checkpoint_callback, resume_from)
    if best is not None:
        load_exactly(module, read_tensors(best), str(best))
    return True


def refuse_early(images: AnnotatedImages, judge_on: Split) -> None:
    """Raise UserError where there is nothing to train on, to choose by or to judge, before anything is trained."""
    images.split("train")
    images.val_dataloader()
    images.judging_dataloader(judge_on)


def make_network(
    images: AnnotatedImages,
    encoder: ImageEncoder,
    make_head: Callable[..., nn.Module],
    kind: type[Head],
    tuning: Tuning,
) -> DenseNetwork[Head]:
    """A head of ``kind`` for the findings of ``images`` on ``encoder``, of which what ``tuning`` says learns."""
    tuning.prepare(encoder)
    height, width = images.split("val")[0].image_HW.shape
    return DenseNetwork(
        encoder=encoder,
        make_head=make_head,
        kind=kind,
        classes=len(images.finding_names),
        size=(height, width),
        frozen=tuning.frozen,
        batch_norm=tuning.batch_norm,
    )
