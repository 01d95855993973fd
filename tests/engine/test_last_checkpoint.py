"""A training that is stopped anywhere and resumed ends with the very weights of one that was not."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from src.core.checkpoint_file import is_whole
from src.core.errors import UserError
from src.core.interrupted import Interrupted
from src.core.torchvision_ops import ensure_torchvision
from src.data.loader import make_loader
from src.data.sampler import EpochSampler
from src.engine.resume import newest_whole

ensure_torchvision()

from lightning import Callback, LightningModule, Trainer  # noqa: E402
from lightning.pytorch.callbacks import ModelCheckpoint  # noqa: E402

from src.engine.callbacks.last_checkpoint import LastCheckpoint  # noqa: E402
from src.engine.callbacks.resumed_run import ResumedRun  # noqa: E402
from src.engine.checkpoint_io import SafeCheckpointIO  # noqa: E402

BATCHES, EPOCHS = 5, 3


class Samples(Dataset[Tensor]):
    def __init__(self, seed: int) -> None:
        self.sample_N4 = torch.randn(11, 4, generator=torch.Generator().manual_seed(seed))

    def __len__(self) -> int:
        return 11

    def __getitem__(self, key: int) -> Tensor:
        # the epoch is a part of the sample, as it is of an augmentation
        return self.sample_N4[key % 11] + key // 11


class Dropping(LightningModule):
    """Dropout draws at every step, momentum remembers, the rate falls."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self.layers(batch).square().mean() + torch.rand(())

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("val/loss", self.layers(batch).square().mean())

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)
        # asks for the loaders before the state of a resumed run is there
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, total_iters=steps)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


class Signals(Callback):
    """Sends this process a signal at one moment."""

    def __init__(self, moment: str, count: int, number: int = signal.SIGTERM) -> None:
        self.moment, self.left, self.number = moment, count, number

    def _at(self, moment: str) -> None:
        if moment == self.moment:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), self.number)

    def on_train_batch_start(self, *of: Any) -> None:
        self._at("train batch")

    def on_validation_batch_start(self, *of: Any) -> None:
        self._at("validation batch")

    def on_train_epoch_end(self, *of: Any) -> None:
        self._at("epoch end")


def fit(
    folder: Path,
    *callbacks: Callback,
    resume_from: Path | None = None,
    minutes: float = 60,
    accumulate: int = 1,
    val_check_interval: int | None = None,
) -> tuple[Trainer, Dropping]:
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=EPOCHS,
        accumulate_grad_batches=accumulate,
        val_check_interval=val_check_interval,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        logger=False,
        plugins=[SafeCheckpointIO()],
        callbacks=[
            *callbacks,
            ResumedRun(),
            ModelCheckpoint(dirpath=folder, monitor="val/loss", filename="best"),
            LastCheckpoint(dirpath=str(folder), every_minutes=minutes),
        ],
    )
    module = Dropping()
    torch.manual_seed(7)
    samples = Samples(1)
    order = EpochSampler(split=samples, replicas=1, rank=0, seed=2)  # type: ignore[arg-type]
    train = make_loader(
        samples, collate=torch.stack, batch_size=2, num_workers=0, seed=3, sampler=order, drop_last=True
    )
    val = make_loader(Samples(2), collate=torch.stack, batch_size=4, num_workers=0, seed=3)
    trainer.fit(module, train, val, ckpt_path=resume_from)
    return trainer, module


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], tuple[Trainer, Dropping]]:
    known = {}

    def of(accumulate: int) -> tuple[Trainer, Dropping]:
        if accumulate not in known:
            known[accumulate] = fit(tmp_path_factory.mktemp("whole"), accumulate=accumulate)
        return known[accumulate]

    return of


def assert_the_same(one: tuple[Trainer, Dropping], other: tuple[Trainer, Dropping]) -> None:
    for name, tensor in one[1].state_dict().items():
        assert torch.equal(other[1].state_dict()[name], tensor), name
    assert other[0].global_step == one[0].global_step
    best, again = (trainer.checkpoint_callback.best_model_score for trainer, _ in (one, other))
    assert torch.equal(best, again)


MOMENTS = [
    *(("train batch", count, 1) for count in (1, 4, 5, 6, 15)),
    *(("train batch", count, 2) for count in (2, 3, 5, 14)),
    *(("validation batch", count, 1) for count in (1, 5)),
    *(("epoch end", count, 1) for count in (1, 2)),
    ("validation batch", 3, 2),
]


@pytest.mark.parametrize(("moment", "count", "accumulate"), MOMENTS)
def test_stopped_by_a_signal_and_resumed(whole, tmp_path, moment, count, accumulate):
    with pytest.raises(Interrupted) as stop:
        fit(tmp_path, Signals(moment, count), accumulate=accumulate)
    assert stop.value.code == 75
    last = newest_whole(tmp_path)
    assert last == tmp_path / "last.ckpt"
    assert_the_same(whole(accumulate), fit(tmp_path, resume_from=last, accumulate=accumulate))


@pytest.mark.parametrize("count", [1, 6])
def test_stopped_in_a_validation_amid_an_epoch(tmp_path_factory, tmp_path, count):
    often = fit(tmp_path_factory.mktemp("whole"), val_check_interval=2)
    with pytest.raises(Interrupted):
        fit(tmp_path, Signals("validation batch", count), val_check_interval=2)
    assert_the_same(often, fit(tmp_path, resume_from=newest_whole(tmp_path), val_check_interval=2))


def test_stopped_again_and_again(whole, tmp_path):
    last = None
    for moment, count in (("train batch", 2), ("train batch", 2), ("validation batch", 1), ("train batch", 7)):
        with pytest.raises(Interrupted):
            fit(tmp_path, Signals(moment, count), resume_from=last)
        last = newest_whole(tmp_path)
    assert_the_same(whole(1), fit(tmp_path, resume_from=last))


class Dies(Callback):
    """An error at one step: what is on disk then is what a killed process leaves."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, *of: Any) -> None:
        if trainer.global_step == self.step:
            raise RuntimeError("dies here")


@pytest.mark.parametrize("step", [1, 3, 4, 5, 6, 9, 10, 11, 14])
def test_broken_off_at_any_step_and_resumed(whole, tmp_path, step):
    with pytest.raises(RuntimeError, match="dies here"):
        fit(tmp_path, Dies(step), minutes=1e-9)
    resumed = fit(tmp_path, resume_from=newest_whole(tmp_path))
    assert_the_same(whole(1), resumed)


def test_the_one_before_is_kept(tmp_path):
    fit(tmp_path)
    states = [torch.load(tmp_path / name, weights_only=True)["epoch"] for name in ("previous.ckpt", "last.ckpt")]
    assert states == [EPOCHS - 2, EPOCHS - 1]
    assert {path.name for path in tmp_path.iterdir()} == {"previous.ckpt", "last.ckpt", "best.ckpt"}
    assert all(is_whole(path) for path in tmp_path.iterdir())


def test_submitit_queues_the_job_again_after_the_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    called = []
    before = signal.signal(signal.SIGUSR2, lambda *_: called.append((tmp_path / "last.ckpt").is_file()))
    try:
        # Slurm's first warning, which submitit waits out
        with pytest.raises(Interrupted):
            fit(tmp_path, Signals("train batch", 1, signal.SIGTERM), Signals("train batch", 3, signal.SIGUSR2))
        assert called == [True]
        assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 3
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_sigusr1_stops_too(tmp_path):
    with pytest.raises(Interrupted):
        fit(tmp_path, Signals("train batch", 2, signal.SIGUSR1))
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


def test_no_minutes_are_refused(tmp_path):
    with pytest.raises(UserError, match="every_minutes is 0"):
        LastCheckpoint(dirpath=str(tmp_path), every_minutes=0)
