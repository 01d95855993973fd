"""Images a second, beside the progress bar and in the log."""

import time
from typing import Any

from lightning import Callback, LightningModule, Trainer

from src.core.batch import PairBatch


class Throughput(Callback):
    """Logs ``train/images_per_second`` over all ranks, measured between logged steps without waiting for the device."""

    def __init__(self) -> None:
        self._images = 0
        self._since = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start counting: a run that is resumed in mid-epoch has no start of an epoch."""
        del trainer, pl_module
        self._images, self._since = 0, time.perf_counter()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start counting anew, so that validation and the change of epochs do not count."""
        del trainer, pl_module
        self._images, self._since = 0, time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: PairBatch, batch_idx: int
    ) -> None:
        """Count the batch, and log the rate each ``log_every_n_steps`` batches."""
        del outputs
        self._images += len(batch) * trainer.world_size
        if (batch_idx + 1) % trainer.log_every_n_steps:  # type: ignore[attr-defined]
            return
        now = time.perf_counter()
        rate = self._images / (now - self._since)
        pl_module.log("train/images_per_second", rate, prog_bar=True, on_step=True, on_epoch=False, batch_size=1)
        self._images, self._since = 0, now
