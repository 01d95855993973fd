"""The progress bar in a terminal; the lines that stay are those of EpochLines."""

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm
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

    def init_train_tqdm(self) -> Tqdm:
        """Return a bar that is gone when the training ends."""
        bar = super().init_train_tqdm()
        bar.leave = False
        return bar

    def on_train_epoch_start(self, trainer: Trainer, *of: Any) -> None:
        """Count epochs from 1, as the lines do."""
        super().on_train_epoch_start(trainer, *of)
        most = trainer.max_epochs
        of_all = f"/{most}" if most is not None and most > 0 else ""
        self.train_progress_bar.set_description(f"epoch {trainer.current_epoch + 1}{of_all}")

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """The figures beside the bar."""
        metrics = super().get_metrics(trainer, pl_module)
        return {short: metrics[name] for name, short in _SHOWN.items() if name in metrics}
