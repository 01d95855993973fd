"""Continues a resumed run with the settings of its config, where Lightning would use those of the checkpoint."""

import copy
import warnings
from collections.abc import Mapping
from typing import Any

from lightning import Callback, LightningModule, Trainer
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from src.core.errors import UserError
from src.engine.csv_logger import MetricsCsv
from src.engine.epoch_progress import continue_epoch, steps_done, steps_per_epoch
from src.engine.resume_command import key_of_training


class ResumedRun(Callback):
    """Keeps the optimizer's moments, and takes its settings, the schedule and the patience from the config.

    The learning rate is the one that the config's schedule has at the point of the training that was reached: with
    another number of steps per epoch, after the same share of an epoch. The epoch goes on after the samples that were
    seen in it. ``metrics.csv`` loses the rows of steps that are done again.
    """

    def __init__(self) -> None:
        self._steps_per_epoch: int | None = None
        self._saved: list[Mapping[str, Any]] = []
        self._groups: list[dict[str, Any]] = []
        self._schedules: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        """Return the optimizer steps per epoch, in which the schedule counts."""
        return {"steps_per_epoch": self._steps_per_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the steps per epoch of the run that is resumed."""
        self._steps_per_epoch = state_dict["steps_per_epoch"]

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Let early stopping be as patient as the config says, and refuse fewer epochs than are done."""
        del pl_module
        states = checkpoint.get("callbacks", {})
        for callback in trainer.early_stopping_callbacks:
            if callback is not None and callback.state_key in states:
                states[callback.state_key]["patience"] = callback.patience
        done = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
        key = key_of_training("trainer.max_epochs")
        if trainer.max_epochs is not None and 0 <= trainer.max_epochs < done:
            raise UserError(
                f"the checkpoint to resume has {done} epochs behind it, more than {key}={trainer.max_epochs}; give "
                f"{key}={done} to evaluate it, or more to train on."
            )
        self._saved = checkpoint.get("optimizer_states", [])

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the config's settings before Lightning restores the checkpoint's over them."""
        del pl_module
        for optimizer, saved in zip(trainer.optimizers, self._saved, strict=False):
            _refuse_other_parameters(optimizer, saved)
        if self._saved:
            self._groups = [_settings(group) for optimizer in trainer.optimizers for group in optimizer.param_groups]
            self._schedules = [copy.deepcopy(one.scheduler.state_dict()) for one in trainer.lr_scheduler_configs]
        self._saved = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on with the config's settings, from the sample and the row where the run stopped."""
        del pl_module
        resumed = bool(self._groups)
        continue_epoch(trainer)
        before, self._steps_per_epoch = self._steps_per_epoch, steps_per_epoch(trainer)
        if not resumed:
            return
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        plateau = any(isinstance(one.scheduler, ReduceLROnPlateau) for one in trainer.lr_scheduler_configs)
        for group, settings in zip(groups, self._groups, strict=True):
            group.update({name: value for name, value in settings.items() if not (plateau and name == "lr")})
        rescaled = before is not None and before != self._steps_per_epoch
        for config, fresh in zip(trainer.lr_scheduler_configs, self._schedules, strict=True):
            if not isinstance(config.scheduler, ReduceLROnPlateau):
                by_step = config.interval == "step" and rescaled
                _advance(config.scheduler, fresh, steps_done(trainer) if by_step else config.scheduler.last_epoch)
        self._groups, self._schedules = [], []
        for logger in trainer.loggers:
            if isinstance(logger, MetricsCsv):
                logger.forget_from(trainer.global_step)


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: copy.deepcopy(value) for name, value in group.items() if name != "params"}


def _advance(scheduler: LRScheduler, fresh: Mapping[str, Any], steps: int) -> None:
    """Set the schedule to ``steps`` steps after its start, ``fresh``; the groups' rates are those of its start."""
    scheduler.load_state_dict(dict(fresh))
    if isinstance(scheduler, LambdaLR):
        # its rate depends on the number of the step alone
        scheduler.last_epoch, steps = max(steps - 1, -1), min(steps, 1)
    with warnings.catch_warnings():
        # PyTorch expects a step of the optimizer before each of these
        warnings.simplefilter("ignore")
        for _ in range(steps):
            scheduler.step()


def _refuse_other_parameters(optimizer: Optimizer, saved: Mapping[str, Any]) -> None:
    own = [len(group["params"]) for group in optimizer.param_groups]
    before = [len(group["params"]) for group in saved["param_groups"]]
    if own != before:
        raise UserError(
            f"the checkpoint to resume has an optimizer of {before} parameters (per group), and this run's has {own}, "
            "so that its state does not fit; give the losses, the trained layers and the optimizer that it was started "
            "with, or start anew."
        )
