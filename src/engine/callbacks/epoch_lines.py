"""What a training starts with, one line per epoch, and which epoch was the best: plain lines that stay."""

import math
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm
from torch import Tensor

from src.core.durations import about, duration
from src.core.output import print_lines
from src.engine.callbacks.training_lines import training_lines

_LOSS = "train/loss"
_NO_PARTS = ("loss", "accuracy_at_1", "accuracy_at_5", "images_per_second")


class EpochLines(Callback):
    """Print in the first process the data and the steps, each epoch's losses, speed and remaining time, the best epoch.

    The losses of an epoch are means over its steps; nothing waits for the device within the epoch. The remaining time
    is that of all epochs (or ``max_steps``), at the speed of this start, validation and checkpoints included.
    """

    def __init__(self) -> None:
        self._began = self._epoch_began = self._segment_began = 0.0
        self._first_step = 0
        self._sums: dict[str, Tensor] = {}
        self._steps = self._images = 0
        self._train_s = 0.0
        self._best: float | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the start of the training, and have losses logged in epochs of a few steps too."""
        steps = steps_per_epoch(trainer)
        trainer.log_every_n_steps = max(min(trainer.log_every_n_steps, steps), 1)  # type: ignore[attr-defined]
        # a run that is resumed in mid-epoch has no start of an epoch
        self._began = self._epoch_began = self._segment_began = time.perf_counter()
        self._first_step = trainer.global_step
        _say(trainer, *training_lines(trainer, pl_module, steps=steps))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count anew."""
        del trainer, pl_module
        self._sums, self._steps, self._images, self._train_s = {}, 0, 0, 0.0
        self._epoch_began = self._segment_began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add the losses of a step, on their device."""
        del pl_module, outputs, batch_idx
        for name, value in trainer.callback_metrics.items():
            if name.startswith("train/"):
                self._sums[name] = self._sums[name] + value if name in self._sums else value.clone()
        self._steps += 1
        self._images += len(batch) * trainer.world_size

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock of the training."""
        del pl_module
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self._pause()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on with the clock of the training."""
        del trainer, pl_module
        self._segment_began = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the epoch's line; its validation is done."""
        del pl_module
        if not self._train_s:
            self._pause()
        if not self._steps:
            return
        now = time.perf_counter()
        most = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
        parts = [f"epoch {trainer.current_epoch + 1}" + ("" if most is None else f"/{most}")]
        parts[0] += f": {_losses({name: float(total) / self._steps for name, total in self._sums.items()})}"
        watched = _watched(trainer)
        for name in ("val/loss", *([watched] if watched != "val/loss" else [])):
            if name in trainer.callback_metrics:
                parts.append(f"{_words(name)} {_number(float(trainer.callback_metrics[name]))}")
        if self._is_best(trainer, watched):
            parts[-1] += " (best so far)"
        if self._train_s > 0:
            rate = self._images / self._train_s
            parts.append(f"{rate:,.0f} images/s" if rate >= 10 else f"{rate:.1f} images/s")
        parts.append(duration(now - self._epoch_began))
        left = self._left_s(trainer, now)
        if left:
            parts.append(f"about {about(left)} left")
        _say(trainer, ", ".join(parts))

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print why the training ended early, and which epoch is kept."""
        del pl_module
        _say(trainer, *_end_lines(trainer))

    def _pause(self) -> None:
        # reading a loss waits for the device, which else would be counted to the validation
        if self._sums:
            float(next(iter(self._sums.values())))
        self._train_s += time.perf_counter() - self._segment_began

    def _is_best(self, trainer: Trainer, watched: str | None) -> bool:
        if watched is None or watched not in trainer.callback_metrics:
            return False
        callback = trainer.checkpoint_callback
        score, before = float(trainer.callback_metrics[watched]), self._best
        if isinstance(callback, ModelCheckpoint) and before is None and callback.best_model_score is not None:
            before = float(callback.best_model_score)
        lower = not isinstance(callback, ModelCheckpoint) or callback.mode == "min"
        best = before is None or (score < before if lower else score > before)
        self._best = score if best else before
        return best and not math.isnan(score)

    def _left_s(self, trainer: Trainer, now: float) -> float:
        done = trainer.global_step - self._first_step
        left = float(trainer.estimated_stepping_batches) - trainer.global_step
        if done <= 0 or not math.isfinite(left) or trainer.should_stop:
            return 0.0
        return max(left, 0.0) * (now - self._began) / done


def steps_per_epoch(trainer: Trainer) -> int:
    """Return the number of optimiser steps of one epoch."""
    return math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)


def _say(trainer: Trainer, *lines: str) -> None:
    """Print ``lines`` in the first process, above a progress bar where there is one."""
    bar = trainer.progress_bar_callback
    if not trainer.is_global_zero or not lines:
        return
    if isinstance(bar, TQDMProgressBar) and bar.is_enabled:
        Tqdm.write("\n".join(lines), file=sys.stdout)
    else:
        print_lines(*lines)


def _losses(mean: Mapping[str, float]) -> str:
    names = [name for name in mean if name.partition("/")[2] not in _NO_PARTS]
    parts = ", ".join(f"{name.partition('/')[2]} {_number(mean[name])}" for name in names)
    total = f"train loss {_number(mean[_LOSS])}" if _LOSS in mean else "no train loss"
    return f"{total} ({parts})" if parts else total


def _watched(trainer: Trainer) -> str | None:
    callback = trainer.checkpoint_callback
    return callback.monitor if isinstance(callback, ModelCheckpoint) else None


def _end_lines(trainer: Trainer) -> list[str]:
    lines = []
    for stopping in trainer.early_stopping_callbacks:
        if isinstance(stopping, EarlyStopping) and stopping.wait_count >= stopping.patience:
            lines.append(
                f"stopped early: {_words(str(stopping.monitor))} was not better than its best for "
                f"{stopping.patience} validation(s) in a row"
            )
    callback = trainer.checkpoint_callback
    if isinstance(callback, ModelCheckpoint) and callback.best_model_path and callback.best_model_score is not None:
        path = Path(callback.best_model_path)
        found = re.search(r"epoch(\d+)", path.stem)
        epoch = f"epoch {int(found[1]) + 1}" if found else "a checkpoint"
        score = _number(float(torch.as_tensor(callback.best_model_score)))
        lines.append(f"best: {epoch}, {_words(str(callback.monitor))} {score}; kept as {path.parent.name}/{path.name}")
    return lines


def _words(name: str) -> str:
    return name.replace("/", " ").replace("_", " ")


def _number(value: float) -> str:
    """Return five significant digits."""
    return f"{value:.5g}"
