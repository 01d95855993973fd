"""One training step of MGCA, as Lightning calls it."""

from typing import Literal

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from src.core.accuracy import batch_accuracy
from src.core.batch import PairBatch
from src.core.distributed import contrast_with_all, mean_of_all, number_of_each
from src.losses.composite import CompositeLoss
from src.models.alignment import AlignmentModel
from src.tasks.gradient_cache import GradientCache
from src.tasks.recipes import OptimizerRecipe, SchedulerRecipe, optimizer_config, try_recipes

Negatives = Literal["global", "local"]


class PretrainModule(LightningModule):
    """An alignment model and its losses under one optimiser.

    ``negatives``: global contrasts each pair with those of all processes, as one process would do with the joined
    batch; local with those of its own. ``gradient_cache``: how a batch too large for the device is embedded.
    Logs ``loss`` (weighted total), each part under its yaml's name, and the retrieval accuracy within the batch
    (percent), all as ``train/...`` and ``val/...`` and as means over all pairs of all processes.
    """

    def __init__(
        self,
        *,
        model: AlignmentModel,
        loss: CompositeLoss,
        negatives: Negatives,
        gradient_cache: GradientCache | None,
        optimizer: OptimizerRecipe,
        scheduler: SchedulerRecipe,
    ) -> None:
        super().__init__()
        try_recipes(optimizer, scheduler)
        self.model = model
        self.loss = loss
        self.negatives = negatives
        self.gradient_cache = gradient_cache
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
        """The optimiser over model and losses, and its schedule."""
        optimizer = self._optimizer_recipe([self.model, self.loss])
        return optimizer_config(optimizer, self._scheduler_recipe, int(self.trainer.estimated_stepping_batches))

    def _step(self, batch: PairBatch, stage: str) -> Tensor:
        cache = self.gradient_cache if self.training else None
        embeddings = self.model(batch) if cache is None else cache.embed(self.model, batch)
        counts = number_of_each(len(batch))
        if self.negatives == "global":
            embeddings = contrast_with_all(embeddings, counts)
        total, parts = self.loss(embeddings)
        figures = {"loss": total.detach(), **parts}
        for k in (1, 5):
            figures[f"accuracy_at_{k}"] = batch_accuracy(embeddings, k)
        # data-parallel training takes the mean over processes; so weighted, that is the mean over all pairs
        share = len(counts) * len(batch) / sum(counts)
        self._log_figures(figures, share, stage, pairs=sum(counts))
        return total * share

    def _log_figures(self, figures: dict[str, Tensor], share: float, stage: str, *, pairs: int) -> None:
        """Log the means over the processes, by one exchange and without waiting for the device."""
        mean_F = mean_of_all(torch.stack(list(figures.values())) * share)
        training = stage == "train"
        for name, value in zip(figures, mean_F, strict=True):
            self.log(
                f"{stage}/{name}",
                value,
                prog_bar=name == "loss",
                on_step=training,
                on_epoch=not training,
                batch_size=pairs,
            )
