"""Runs the composed config's task: checks the config, seeds, keeps the provenance, builds what the task asks for."""

import inspect
import logging
import multiprocessing
import os
import warnings
from collections.abc import Callable

from omegaconf import DictConfig

from src.core.errors import UserError
from src.core.torchvision_ops import ensure_torchvision
from src.engine.build import build
from src.engine.parts import DATA_ONLY, GIVEN, Parts
from src.engine.provenance import command_line, write_provenance
from src.engine.validate import resolve_target, validate


def launch(cfg: DictConfig) -> None:
    """Run ``cfg.task`` with the parts its signature names."""
    ensure_torchvision()
    _quiet()
    _start_processes_as_usual()
    if cfg.resamples < 0:
        raise UserError(f"resamples={cfg.resamples} is below 0; give the number of resamples, or 0 for no intervals.")
    parts = Parts(cfg)
    parameters = inspect.signature(resolve_target(cfg.task._target_)).parameters
    wanted = [name for name in Parts.names() if name in parameters]
    given = {**GIVEN, "task": frozenset(wanted)}

    def run() -> None:
        build(cfg, "task", **{name: getattr(parts, name) for name in wanted})

    if DATA_ONLY.issuperset(wanted):
        # neither Lightning nor a model is loaded to look at data
        validate(cfg, given=given, keys=("task", "dataset", "store"))
        run()
        return
    validate(cfg, given=given)
    _run_seeded(cfg, parts, run)


def _run_seeded(cfg: DictConfig, parts: Parts, run: Callable[[], None]) -> None:
    from lightning import seed_everything

    from src.engine.wandb_logger import finish_wandb

    seed_everything(cfg.seed, workers=True, verbose=False)
    write_provenance(cfg, parts.run_dir / "checkpoints", command=command_line())
    done = False
    try:
        run()
        done = True
    finally:
        finish_wandb(failed=not done)


def _start_processes_as_usual() -> None:
    """In a worker of joblib's launcher, let processes be started the platform's way, as data loaders need it."""
    own = multiprocessing.get_all_start_methods()
    if multiprocessing.get_start_method(allow_none=True) not in (None, *own):
        multiprocessing.set_start_method(own[0], force=True)


def _quiet() -> None:
    """Silence other libraries' advice that a user of this one cannot act on."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.seed"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message="Experiment logs directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.* is deprecated.*")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings(
        "ignore", message="The number of training batches .* is smaller than the logging interval.*"
    )
    warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", message="The dirpath has changed from .*")
    warnings.filterwarnings("ignore", message=".*lr_scheduler.step\\(\\).* before .*optimizer.step.*")
