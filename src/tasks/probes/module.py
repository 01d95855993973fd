"""A classification head, with or without its encoder, as Lightning trains it.

Axes: B images, F findings or classes, E feature width.
"""

from typing import Any

import torch
from lightning import LightningDataModule, LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.utils.data import DataLoader

from src.core.batch import PairBatch
from src.data.annotated_images import AnnotatedImages
from src.data.datamodule import PairDataModule
from src.heads.objective import classification_loss
from src.models.features import ImageEncoder
from src.tasks.recipes import OptimizerRecipe, SchedulerRecipe, optimizer_config, try_recipes


class ProbeModule(LightningModule):
    """Trains ``head`` on the encoder's vectors, and the encoder too unless it is ``frozen``.

    A frozen encoder stays in eval mode and out of the checkpoints; validation batches then are features and labels,
    computed once. Logs ``train/loss`` and ``val/loss``.
    """

    def __init__(
        self,
        *,
        encoder: ImageEncoder,
        head: nn.Module,
        frozen: bool,
        exclusive: bool,
        optimizer: OptimizerRecipe,
        scheduler: SchedulerRecipe,
    ) -> None:
        super().__init__()
        try_recipes(optimizer, scheduler, key="probe")
        self.head = head
        self.exclusive = exclusive
        self._recipes = optimizer, scheduler
        # in a list it is no part of this module
        self._frozen = [encoder] if frozen else []
        self.encoder = None if frozen else encoder

    def training_step(self, batch: PairBatch, batch_idx: int) -> Tensor:
        """The loss of one batch of augmented images."""
        del batch_idx
        loss = classification_loss(self._logits(batch), batch.label_BF, exclusive=self.exclusive)
        self.log("train/loss", loss.detach(), prog_bar=True, on_step=True, on_epoch=False, batch_size=len(batch))
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Log the loss of one held-out batch, of images or of features."""
        del batch_idx
        if self._frozen:
            feature_BE, label_BF = batch
            logit_BF = self.head(feature_BE)
        else:
            logit_BF, label_BF = self._logits(batch), batch.label_BF
        loss = classification_loss(logit_BF, label_BF, exclusive=self.exclusive)
        self.log("val/loss", loss, prog_bar=True, on_epoch=True, batch_size=len(label_BF), sync_dist=True)

    def on_fit_start(self) -> None:
        """Bring the frozen encoder to the device, where Lightning does not see it."""
        for encoder in self._frozen:
            encoder.to(self.device).eval()

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The optimiser over what is trained, and its schedule."""
        make_optimizer, make_scheduler = self._recipes
        optimizer = make_optimizer([self.head] if self.encoder is None else [self.encoder, self.head])
        return optimizer_config(optimizer, make_scheduler, int(self.trainer.estimated_stepping_batches))

    def _logits(self, batch: PairBatch) -> Tensor:
        if self.encoder is not None:
            logit_BF: Tensor = self.head(self.encoder(batch.image_BCHW).global_BE)
            return logit_BF
        with torch.no_grad():
            feature_BE = self._frozen[0](batch.image_BCHW).global_BE
        frozen_BF: Tensor = self.head(feature_BE)
        return frozen_BF


class ProbeData(LightningDataModule):
    """Augmented training images, and the validation batches that are given."""

    def __init__(self, images: PairDataModule | AnnotatedImages, val: DataLoader) -> None:
        super().__init__()
        self.images = images
        self.val = val

    def train_dataloader(self) -> DataLoader:
        self.images.trainer = self.trainer
        return self.images.train_dataloader()

    def val_dataloader(self) -> DataLoader:
        return self.val
