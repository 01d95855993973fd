"""One training step of MGCA, as Lightning calls it."""

from collections.abc import Callable, Iterable
from typing import Any

from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer

from src.core.accuracy import batch_accuracy
from src.core.batch import PairBatch
from src.losses.composite import CompositeLoss
from src.models.alignment import AlignmentModel

OptimizerRecipe = Callable[[Iterable[nn.Module]], Optimizer]
SchedulerRecipe = Callable[[Optimizer, int], Any]


class PretrainModule(LightningModule):
    """An alignment model and its losses under one optimiser.

    Logs ``loss`` (weighted total), each part under its yaml's name, and the retrieval accuracy within the batch
    (percent), all as ``train/...`` and ``val/...``.
    """

    def __init__(
        self, *, model: AlignmentModel, loss: CompositeLoss, optimizer: OptimizerRecipe, scheduler: SchedulerRecipe
    ) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self._optimizer_recipe = optimizer
        self._scheduler_recipe = scheduler

    def training_step(self, batch: PairBatch, batch_idx: int) -> Tensor:
        """The weighted loss of one batch."""
        del batch_idx
        return self._step(batch, "train")

    def validation_step(self, batch: PairBatch, batch_idx: int) -> None:
        """Log the losses of one held-out batch."""
        del batch_idx
        self._step(batch, "val")

    def on_after_backward(self) -> None:
        """Let the losses drop gradients that this epoch must not use."""
        self.loss.after_backward(epoch=self.current_epoch)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The optimiser over model and losses, and its schedule by the step."""
        optimizer = self._optimizer_recipe([self.model, self.loss])
        scheduler = self._scheduler_recipe(optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _step(self, batch: PairBatch, stage: str) -> Tensor:
        embeddings = self.model(batch)
        total, parts = self.loss(embeddings)
        training = stage == "train"
        figures = dict(parts)
        for k in (1, 5):
            figures[f"accuracy_at_{k}"] = batch_accuracy(
                embeddings.image_global_BD.detach(), embeddings.text_global_BD.detach(), k
            )
        self.log(
            f"{stage}/loss",
            total.detach(),
            prog_bar=True,
            on_step=training,
            on_epoch=not training,
            batch_size=len(batch),
            sync_dist=not training,
        )
        self.log_dict(
            {f"{stage}/{name}": value for name, value in figures.items()},
            on_step=training,
            on_epoch=not training,
            batch_size=len(batch),
            sync_dist=not training,
        )
        return total
