"""Where a training stands in its epoch, in the terms of Lightning's loops.

Lightning has no public interface for these; every use of its private ones for a resumed epoch is here.
"""

import copy
import math
from collections.abc import Mapping
from typing import Any

from lightning import Trainer

from src.core.errors import UserError
from src.data.loader import ResumableLoader


def log_step(trainer: Trainer) -> None:
    """Log the step in hand now, as Lightning does after the callbacks of its batch."""
    trainer._logger_connector.on_batch_end()
    trainer._logger_connector.update_train_step_metrics()


def log_epoch(trainer: Trainer) -> None:
    """Log the metrics of the epoch now, as Lightning does after the callbacks of its end."""
    loop = trainer.fit_loop.epoch_loop
    trainer._logger_connector.on_epoch_end()
    loop._batches_that_stepped -= 1
    trainer._logger_connector.log_metrics(trainer._logger_connector.metrics["log"])
    loop._batches_that_stepped += 1


def ended_mid_epoch(trainer: Trainer) -> bool:
    """Return whether the training ends with batches of its epoch left, as by ``max_steps`` or early stopping."""
    loop = trainer.fit_loop
    counts: Any = loop.epoch_progress.current
    return counts.processed == counts.started > counts.completed and not loop.epoch_loop._num_ready_batches_reached()


def as_unfinished(loops: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of the loops at the end of an epoch as that of an epoch which goes on."""
    unfinished = copy.deepcopy(dict(loops))
    for counts in ("total", "current"):
        unfinished["fit_loop"]["epoch_progress"][counts]["processed"] -= 1
    return unfinished


def continue_epoch(trainer: Trainer) -> None:
    """Let the epoch of a resumed run begin after the samples that were seen in it, whatever the batch size was.

    Raises UserError where the samples left are not those of this run's training split, or fill no batch.
    """
    loop = trainer.fit_loop
    # a schedule that asks for the number of steps has had the loaders made before their state was there
    loop._load_combined_loader_states()
    epochs: Any = loop.epoch_progress.current
    progress = loop.epoch_loop.batch_progress
    if not progress.current.ready or progress.is_last_batch or loop._combined_loader is None:
        return
    for loader in loop._combined_loader.flattened:
        if not isinstance(loader, ResumableLoader):
            continue
        given = loader.continue_epoch(epochs.processed)
        if given is None:
            continue
        if given >= trainer.num_training_batches:
            raise UserError(
                "the checkpoint to resume was written in the middle of an epoch, and the rest of it fills no batch of "
                "this run; resume with the batch size and the devices that it was written with, or from a checkpoint "
                "of an epoch's end."
            )
        shift = given - progress.current.ready
        for name in ("ready", "started", "processed", "completed"):
            setattr(progress.current, name, getattr(progress.current, name) + shift)


def steps_per_epoch(trainer: Trainer) -> int:
    """Return the optimizer steps of one whole epoch."""
    return math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)


def steps_done(trainer: Trainer) -> int:
    """Return the optimizer steps up to this point of the training, had all epochs had as many as this one."""
    epochs: Any = trainer.fit_loop.epoch_progress.current
    batches = trainer.fit_loop.epoch_loop.batch_progress
    per_epoch = steps_per_epoch(trainer)
    begun = batches.current.ready // trainer.accumulate_grad_batches
    if batches.is_last_batch:
        # the epoch is over, or its validation is still to come
        begun = per_epoch if epochs.processed < epochs.started else 0
    return epochs.processed * per_epoch + begun
