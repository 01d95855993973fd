"""The progress bar: one line an epoch, kept after it."""

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar
from pydantic import NonNegativeInt

_SHOWN = {
    "train/loss_step": "loss",
    "train/loss": "loss",
    "val/loss": "val_loss",
    "train/images_per_second": "images/s",
}


class Progress(TQDMProgressBar):
    """Lightning's bar with the loss and the images a second under short names."""

    def __init__(self, *, refresh_rate: NonNegativeInt) -> None:
        super().__init__(refresh_rate=refresh_rate, leave=False)

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """The figures beside the bar."""
        metrics = super().get_metrics(trainer, pl_module)
        return {short: metrics[name] for name, short in _SHOWN.items() if name in metrics}
