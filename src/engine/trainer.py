"""Builds Lightning's Trainer with the callbacks, the loggers and safe checkpoints of a run."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from omegaconf import DictConfig

from src.engine.build import build


def make_trainer(cfg: DictConfig, loggers: Sequence[Any], *, patience: int | None = None, **settings: Any) -> Any:
    """Build the Trainer of ``cfg``.

    Args:
        cfg: the config of the run.
        loggers: Lightning's, built already.
        patience: of early stopping, in the place of the config's; None keeps that.
        settings: of the Trainer, in the place of the config's, e.g. ``max_epochs``.
    """
    from src.engine.callbacks.resumed_run import ResumedRun
    from src.engine.checkpoint_io import SafeCheckpointIO

    # a bar writes over its own line, which makes a mess of a log file
    bar = bool(cfg.trainer.enable_progress_bar) and sys.stdout.isatty()
    return build(
        cfg,
        "trainer",
        callbacks=[*_callbacks(cfg, patience, bar=bar), ResumedRun()],
        enable_progress_bar=bar,
        logger=loggers or False,
        plugins=[SafeCheckpointIO(), *_environments()],
        **settings,
    )


def _callbacks(cfg: DictConfig, patience: int | None, *, bar: bool) -> Iterator[Any]:
    for name, node in (cfg.callbacks or {}).items():
        if node is None or (name == "learning_rate" and not cfg.logger) or (name == "progress" and not bar):
            continue
        given = {} if name != "early_stopping" or patience is None else {"patience": patience}
        yield build(cfg, f"callbacks.{name}", **given)


def _environments() -> list[Any]:
    """Who says which process this is, where Lightning would ask the wrong one or do more than that."""
    from lightning.fabric.plugins.environments import LightningEnvironment, SLURMEnvironment

    from src.engine.processes import is_one_of_several

    if is_one_of_several():
        # in a batch script of Slurm too, whose own variables know of one process alone
        return [LightningEnvironment()]
    return [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []
