"""Keeps the newest state of a training on disk, and leaves in good order when a scheduler says so."""

import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from pydantic import PositiveFloat

from src.core.checkpoint_file import LAST, PREVIOUS
from src.core.distributed import number_of_each, objects_of_all
from src.core.errors import UserError
from src.core.interrupted import BY_HAND, Interrupted, give_back_signals, leave, take_signals
from src.core.random_state import random_state, set_random_state
from src.engine.epoch_progress import as_unfinished, ended_mid_epoch, log_epoch, log_step
from src.engine.resume_command import resume_command

_log = logging.getLogger(__name__)
_NOTHING, _SAVE, _STOP = 0, 1, 2
_VALIDATION = "epoch_loop.val_loop.batch_progress"
_AT_ONCE_S = 1.0
"""A second SIGINT within this time is the same Ctrl-C: the terminal sends one, torchrun another."""


class LastCheckpoint(Checkpoint):
    """Writes ``last.ckpt`` every epoch and every ``every_minutes``, and keeps the one before as ``previous.ckpt``.

    When a stop signal (``stop_signals``) reaches any process, the step in hand is finished and logged, ``last.ckpt``
    written and the run ended by ``Interrupted``; a second Ctrl-C ends it at once. A training that ends in the middle of
    an epoch, by ``max_steps`` for instance, is validated there. A checkpoint holds every process's random state, so
    that a resumed run draws the numbers that the stopped one would have drawn. One that was written during a validation
    has it run anew, from its first batch. Stands after the callback that keeps the best checkpoint, whose state is a
    part of the last one.
    """

    def __init__(self, *, dirpath: str, every_minutes: PositiveFloat) -> None:
        if not every_minutes > 0:
            raise UserError(f"callbacks.last.every_minutes is {every_minutes}, but must be above 0")
        self.folder = Path(dirpath)
        self.every_s = 60 * every_minutes
        self._saved_at = 0.0
        self._signal: int | None = None
        self._signal_at = 0.0
        self._validating = False
        self._before: dict[int, Any] = {}
        self._random_states: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        """The random state of every process."""
        return {"random_states": objects_of_all(random_state())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the random states for the first step; with another number of processes they are of no use."""
        self._random_states = list(state_dict["random_states"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals over from Lightning, which restores in any case the handlers that it found."""
        del pl_module
        self._saved_at = time.monotonic()
        # Lightning asks all processes, on their devices, at every step; here they are asked on the host
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = _nothing  # type: ignore[method-assign]
        self._before = take_signals(self._note)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give the signals back, and send on one that came after the last look for it."""
        del trainer, pl_module
        give_back_signals(self._before)
        self._before = {}
        if self._signal is not None:
            signal.raise_signal(self._signal)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Before the first step of a resumed run: draw on as the broken one would have."""
        del pl_module, batch, batch_idx
        states, self._random_states = self._random_states, []
        if len(states) == trainer.world_size:
            set_random_state(states[trainer.global_rank])

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save or stop, unless gradients are being accumulated or the epoch's end, which saves anyway, is there."""
        del pl_module, outputs, batch, batch_idx
        wanted = self._wanted()
        epoch_loop = trainer.fit_loop.epoch_loop
        if 0 < trainer.max_steps <= trainer.global_step:
            # so that Lightning validates, and the best checkpoint is kept, in the middle of an epoch too
            trainer.should_stop = True
        if wanted and not trainer.fit_loop._should_accumulate() and not epoch_loop.batch_progress.is_last_batch:
            # Lightning logs the step after its callbacks, which a stop would keep it from
            log_step(trainer)
            self._save(trainer, stop=wanted == _STOP)

    def on_validation_batch_end(self, trainer: Trainer, pl_module: LightningModule, *of: Any) -> None:
        """Stop without waiting for the validation's end."""
        del pl_module, of
        if trainer.state.fn == "fit" and not trainer.sanity_checking and self._wanted() == _STOP:
            self._validating = True
            self._save(trainer, stop=True)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save every epoch, after its validation."""
        del pl_module
        stop = self._wanted() == _STOP
        if stop:
            log_epoch(trainer)
        self._save(trainer, stop=stop)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Write down a validation that is under way as one that begins: its figures so far are not in a checkpoint."""
        del pl_module
        if ended_mid_epoch(trainer):
            checkpoint["loops"] = as_unfinished(checkpoint["loops"])
        if self._validating:
            for count in ("total", "current"):
                checkpoint["loops"]["fit_loop"][_VALIDATION][count] = {
                    "ready": 1,
                    "started": 1,
                    "processed": 0,
                    "completed": 0,
                }

    def _note(self, number: int, frame: Any) -> None:
        del frame
        now = time.monotonic()
        if number == signal.SIGINT:
            if self._signal == number and now - self._signal_at > _AT_ONCE_S:
                raise Interrupted(BY_HAND)
            if self._signal != number and os.environ.get("RANK", "0") == "0":
                os.write(2, b"\nStopping after this step; Ctrl-C again stops at once.\n")
        self._signal, self._signal_at = number, now

    def _wanted(self) -> int:
        """What the processes agree on: the most that any of them wants."""
        due = time.monotonic() - self._saved_at > self.every_s
        return max(number_of_each(_STOP if self._signal is not None else _SAVE if due else _NOTHING))

    def _save(self, trainer: Trainer, *, stop: bool) -> None:
        last = self.folder / LAST
        draft = self.folder / f".next.{LAST}"
        trainer.save_checkpoint(draft)
        if trainer.is_global_zero:
            if last.exists():
                last.replace(self.folder / PREVIOUS)
            draft.replace(last)
            for logger in trainer.loggers:
                logger.save()
        self._saved_at = time.monotonic()
        if stop:
            self._leave(trainer, last)

    def _leave(self, trainer: Trainer, last: Path) -> None:
        if trainer.is_global_zero:
            _log.warning(
                "told to stop at step %d%s; the state is in %s. To go on from it:\n%s",
                trainer.global_step,
                " by Ctrl-C" if self._signal == signal.SIGINT else "",
                last,
                resume_command(last),
            )
        leave(self._signal, self._before)


def _nothing() -> None:
    """In the place of what Lightning does at every step."""
