"""Stops a training whose loss is no longer a number, and says where it happened."""

from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from src.core.batch import PairBatch
from src.core.checkpoint_file import LAST
from src.core.errors import UserError
from src.engine.callbacks.last_checkpoint import LastCheckpoint
from src.engine.resume_command import key_of_training, resume_command


class StopOnNonFinite(Callback):
    """Raises UserError naming the step, the batch's row numbers and the last good checkpoint.

    A step's loss is looked at when the next one starts (or before anything is validated or saved), so that no
    step waits for the device.
    """

    def __init__(self) -> None:
        self._pending: tuple[int, Tensor, Tensor] | None = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: PairBatch, batch_idx: int
    ) -> None:
        """Look at the step before, and keep this one for the next look."""
        del pl_module, batch_idx
        self._look(trainer)
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        self._pending = (trainer.global_step, torch.isfinite(loss.detach()), batch.row_B)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look before the validation, whose figures decide what is kept."""
        del pl_module
        self._look(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the last step."""
        del pl_module
        self._look(trainer)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Look before anything is saved, so that a bad step never becomes a checkpoint."""
        del pl_module, checkpoint
        self._look(trainer)

    def _look(self, trainer: Trainer) -> None:
        if self._pending is None:
            return
        (step, finite, row_B), self._pending = self._pending, None
        if bool(finite):
            return
        rows = ", ".join(str(row) for row in row_B.tolist())
        raise UserError(
            f"the loss of step {step} is not a finite number; its batch held the table rows {rows}. Look at those "
            f"rows, or lower the learning rate. {_advice(trainer)}"
        )


def _advice(trainer: Trainer) -> str:
    """How to go on with a lower rate, and how to find the operation, as commands."""
    key = key_of_training("optimizer.lr")
    rate = max(group["initial_lr"] for group in trainer.optimizers[0].param_groups)
    folders = [callback.folder for callback in trainer.checkpoint_callbacks if isinstance(callback, LastCheckpoint)]
    saved = [folder / LAST for folder in folders if (folder / LAST).is_file()]
    if not saved:
        return f"No checkpoint had been saved before it: start again with {key}={rate / 10:g}, for instance."
    return (
        f"The last good checkpoint is {saved[0]}. To go on from it at a tenth of the rate:\n"
        f"{resume_command(saved[0], f'{key}={rate / 10:g}')}\n"
        f"To find the operation:\n{resume_command(saved[0], 'trainer.detect_anomaly=true')}"
    )
