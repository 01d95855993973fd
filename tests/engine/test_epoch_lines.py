"""What a training prints of its start, its epochs and its end, with figures worked out by hand."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from src.core.torchvision_ops import ensure_torchvision

ensure_torchvision()

from lightning import LightningModule, Trainer  # noqa: E402
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint  # noqa: E402

from src.engine.callbacks.epoch_lines import EpochLines  # noqa: E402
from src.engine.callbacks.throughput import Throughput  # noqa: E402
from src.engine.csv_logger import MetricsCsv  # noqa: E402


class Given(LightningModule):
    """Logs the losses that it is given: of each step of the training, and of each epoch's validation."""

    def __init__(self, train: list[float], val: list[float]) -> None:
        super().__init__()
        self.train_losses, self.val_losses = iter(train), iter(val)
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        loss = next(self.train_losses)
        self.log_dict({"train/loss": loss, "train/ita": loss / 4}, on_step=True, on_epoch=False)
        return self.layer(batch[0]).sum() * 0

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val/loss", next(self.val_losses))

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(folder: Path, train: list[float], val: list[float], *, patience: int = 9, **settings: Any) -> Trainer:
    samples = len(train) // len(val)
    loader = DataLoader(TensorDataset(torch.ones(samples, 1)))
    trainer = Trainer(
        accelerator="cpu",
        callbacks=[
            EpochLines(),
            EarlyStopping(monitor="val/loss", patience=patience),
            ModelCheckpoint(
                dirpath=folder / "checkpoints",
                filename="epoch{epoch:03d}",
                auto_insert_metric_name=False,
                monitor="val/loss",
            ),
        ],
        logger=MetricsCsv(save_dir=str(folder), resume=False),
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        **{"max_epochs": len(val), "log_every_n_steps": 50, **settings},
    )
    held_out = DataLoader(TensorDataset(torch.ones(1, 1)))
    trainer.fit(Given(train, val), loader, held_out)
    return trainer


def test_an_epoch_is_one_line_with_the_means_of_its_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(tmp_path, [4, 8, 2, 4, 1, 1], [3.0, 2.5, 2.75])
    out = capsys.readouterr().out
    assert "\r" not in out
    lines = [line for line in out.splitlines() if line.startswith("epoch ")]
    begins = [
        "epoch 1/3: train loss 6 (ita 1.5), val loss 3 (best so far), ",
        "epoch 2/3: train loss 3 (ita 0.75), val loss 2.5 (best so far), ",
        "epoch 3/3: train loss 1 (ita 0.25), val loss 2.75, ",
    ]
    assert all(line.startswith(begin) for line, begin in zip(lines, begins, strict=True))
    assert all(re.search(r"[\d.,]+ images/s, (under 1|\d+) s(, about \d+ s left)?$", line) for line in lines), lines
    assert ["left" in line for line in lines] == [True, True, False]
    assert "best: epoch 2, val loss 2.5; kept as checkpoints/epoch001.ckpt" in out


def test_early_stopping_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(tmp_path, [1] * 6, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], patience=2)
    out = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in out if line.startswith("epoch")] == [f"epoch {n}/6" for n in (1, 2, 3)]
    assert out[-2:] == [
        "stopped early: val loss was not better than its best for 2 validation(s) in a row",
        "best: epoch 1, val loss 1; kept as checkpoints/epoch000.ckpt",
    ]


@pytest.mark.parametrize(("steps", "logged"), [(1, 3), (2, 3)])
def test_the_train_loss_of_short_epochs_is_in_the_file(steps: int, logged: int, tmp_path: Path) -> None:
    fit(tmp_path, [7.0] * 3 * steps, [1.0] * 3)
    with (tmp_path / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["train/loss"]]
    assert len(rows) == logged
    assert {row["epoch"] for row in rows} == {"0", "1", "2"}
    assert not (tmp_path / "hparams.yaml").exists()


def test_the_time_left_is_that_of_all_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 100_000, 30))
    monkeypatch.setattr("src.engine.callbacks.epoch_lines.time.perf_counter", lambda: float(next(clock)))
    fit(tmp_path, [1.0] * 4, [1.0] * 2, max_epochs=-1, max_steps=4)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    # the start, the epoch, the validation's start and end, and the line: 4 x 30 s for half of the steps
    assert lines[0].endswith("about 2 min left")
    assert lines[0].startswith("epoch 1: ")
    assert "left" not in lines[1]


def test_the_start_of_a_pretraining_and_no_bar_in_a_file(
    run_cli: Callable, tiny: tuple[str, ...], tmp_path: Path
) -> None:
    words = (*tiny, "trainer.max_epochs=1", "trainer.enable_progress_bar=true", "dataset.train=26", "name=n")
    answer = run_cli(*words, "task.untrained_baseline=false", "task.pictures=false", "resamples=0")
    assert answer.code == 0, answer.err
    assert "\r" not in answer.out + answer.err
    folder = next((tmp_path / "outputs").glob("*/*_pretrain_n"))
    first = answer.out.splitlines()[:5]
    assert first[0] == f"task      pretrain on phantom, n, in {folder}"
    assert re.match(
        r"model     image encoder vit_tiny_patch16_224 \(\d+ k parameters\), text encoder tiny_bert \(\d+ k ", first[1]
    )
    assert first[2] == (
        "data      26 training, 16 validation, 16 test pairs; 0.0% of the training tokens are unknown to the vocabulary"
    )
    assert first[3].startswith(
        "training  3 steps of 8 pairs per epoch (2 of 26 pairs left out, the last incomplete batch), at most 1 epoch; "
    )
    assert first[4].startswith("epoch 1/1: train loss ")
    assert (folder / "run.log").read_text() == answer.out


def test_the_rate_of_a_run_that_is_resumed_in_mid_epoch_counts_from_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 102.0])
    monkeypatch.setattr("src.engine.callbacks.throughput.time.perf_counter", lambda: next(clock))
    logged: dict[str, float] = {}
    module: Any = SimpleNamespace(log=lambda name, value, **_: logged.update({name: value}))
    trainer: Any = SimpleNamespace(world_size=1, log_every_n_steps=1)
    batch: Any = range(8)
    rate = Throughput()
    rate.on_train_start(trainer, module)
    rate.on_train_batch_end(trainer, module, None, batch, 0)
    assert logged == {"train/images_per_second": 4.0}
