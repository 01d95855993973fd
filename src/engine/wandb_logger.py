"""Weights & Biases, offline unless a key is at hand."""

import netrc
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger

from src.engine.sweep_job import job_number, sweep_name


def wandb_logger(
    *, project: str, name: str, group: str | None, tags: Sequence[str], save_dir: str, log_media: bool
) -> WandbLogger:
    """A logger of numbers and the config; ``log_media`` alone lets pictures be uploaded.

    The terminal's text, which may name files, is not captured. Without a key, and unless ``WANDB_MODE`` says
    otherwise, the run is kept in ``save_dir`` for ``wandb sync``. The runs of a sweep carry their job's number, and
    make a group of the sweep's name where ``group`` names none.
    """
    number = job_number()
    if number is not None:
        name, group = f"{name}_{number}", group or sweep_name()
    offline = os.environ.get("WANDB_MODE", "online" if _has_key(os.environ) else "offline") != "online"
    return _MediaAwareLogger(
        project=project,
        name=name,
        group=group,
        tags=list(tags),
        save_dir=save_dir,
        offline=offline,
        log_model=False,
        log_media=log_media,
        settings={"console": "off", "disable_code": True},
    )


def finish_wandb(*, failed: bool) -> None:
    """Close this process's run, so that the next job of a sweep gets one of its own; nothing where none is open."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish(exit_code=int(failed))


class _MediaAwareLogger(WandbLogger):
    def __init__(self, *, log_media: bool, **settings: Any) -> None:
        super().__init__(**settings)
        self.log_media = log_media


def _has_key(environment: Mapping[str, str]) -> bool:
    if environment.get("WANDB_API_KEY"):
        return True
    try:
        known = netrc.netrc(environment.get("NETRC", str(Path.home() / ".netrc")))
    except (OSError, netrc.NetrcParseError):
        return False
    return known.authenticators("api.wandb.ai") is not None
