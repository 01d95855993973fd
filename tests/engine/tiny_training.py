"""A training of a second, of which every setting that a resume may change is an argument."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import Dataset

from src.data.loader import make_loader
from src.data.sampler import EpochSampler
from src.engine.callbacks.last_checkpoint import LastCheckpoint
from src.engine.callbacks.resumed_run import ResumedRun
from src.engine.checkpoint_io import SafeCheckpointIO
from src.engine.csv_logger import MetricsCsv
from src.engine.schedulers import Constant


class Numbers(Dataset[Tensor]):
    """Sample ``position`` is the number itself and three random features."""

    def __init__(self, size: int) -> None:
        self.sample_N4 = torch.randn(size, 4, generator=torch.Generator().manual_seed(1))
        self.sample_N4[:, 0] = torch.arange(size)

    def __len__(self) -> int:
        return len(self.sample_N4)

    def __getitem__(self, key: int) -> Tensor:
        return self.sample_N4[key % len(self)]


class Recording(LightningModule):
    """Keeps the samples and the learning rate of every step."""

    def __init__(self, optimizer: Callable[..., Any], scheduler: Callable[..., Any], width: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Sequential(nn.Linear(3, width), nn.Linear(width, 1))
        self.recipes = optimizer, scheduler
        self.seen: list[list[int]] = []
        self.rates: list[float] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.seen.append([int(number) for number in batch[:, 0]])
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        loss = self.layer(batch[:, 1:]).square().mean()
        self.log("train/loss", loss.detach())
        return loss

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("val/loss", self.layer(batch[:, 1:]).square().mean())

    def configure_optimizers(self) -> Any:
        optimizer = self.recipes[0](self.parameters())
        schedule = self.recipes[1](optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def sgd(lr: float, **settings: Any) -> Callable[..., Any]:
    return lambda parameters: torch.optim.SGD(parameters, lr=lr, **settings)


def fit(
    folder: Path,
    *callbacks: Callback,
    resume_from: Path | None = None,
    optimizer: Callable[..., Any] | None = None,
    scheduler: Callable[..., Any] | None = None,
    size: int = 24,
    batch_size: int = 2,
    seed: int = 2,
    width: int = 4,
    patience: int = 50,
    **settings: Any,
) -> tuple[Trainer, Recording]:
    """Fit 24 samples; 12 steps per epoch, 2 epochs. ``settings``: of the Trainer."""
    trainer = Trainer(
        **{
            **{"accelerator": "cpu", "max_epochs": 2, "num_sanity_val_steps": 0, "log_every_n_steps": 1},
            **{"enable_progress_bar": False, "enable_model_summary": False, "use_distributed_sampler": False},
            **settings,
        },
        logger=MetricsCsv(save_dir=str(folder), resume=resume_from is not None),
        plugins=[SafeCheckpointIO()],
        callbacks=[
            *callbacks,
            ResumedRun(),
            EarlyStopping(monitor="val/loss", patience=patience),
            ModelCheckpoint(dirpath=folder / "checkpoints", monitor="val/loss", filename="best"),
            LastCheckpoint(dirpath=str(folder / "checkpoints"), every_minutes=60),
        ],
    )
    module = Recording(optimizer or sgd(0.01, momentum=0.9), scheduler or Constant(), width)
    samples = Numbers(size)
    order = EpochSampler(split=samples, replicas=1, rank=0, seed=seed)  # type: ignore[arg-type]
    train = make_loader(
        samples, collate=torch.stack, batch_size=batch_size, num_workers=0, seed=3, sampler=order, drop_last=True
    )
    val = make_loader(Numbers(8), collate=torch.stack, batch_size=4, num_workers=0, seed=3)
    trainer.fit(module, train, val, ckpt_path=resume_from)
    return trainer, module
