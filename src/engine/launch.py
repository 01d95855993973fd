"""Runs the composed config's task: checks the config, seeds, keeps the provenance, builds what the task asks for."""

import inspect
import logging
import multiprocessing
from collections.abc import Callable, Mapping
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from src.core.errors import UserError
from src.core.interrupted import Interrupted, stopping_at_once
from src.core.output import print_lines
from src.core.torchvision_ops import ensure_torchvision
from src.engine.build import build
from src.engine.devices import processes_here
from src.engine.parts import DATA_ONLY, GIVEN, READS_DATA, Parts
from src.engine.processes import is_one_of_several, run_processes
from src.engine.provenance import command_line, write_provenance
from src.engine.quiet import silence_libraries
from src.engine.ranks import is_first_process
from src.engine.resume_changes import check_resumed
from src.engine.start_lines import start_lines
from src.engine.sweep_job import job_number, swept_keys
from src.engine.typed import typed_settings, words_of_this_run
from src.engine.unread import read_keys, refuse_unread
from src.engine.validate import resolve_target, validate

_log = logging.getLogger(__name__)


def launch(cfg: DictConfig) -> None:
    """Run ``cfg.task`` with the parts its signature names."""
    ensure_torchvision()
    silence_libraries()
    _start_processes_as_usual()
    if cfg.resamples < 0:
        raise UserError(f"resamples={cfg.resamples} is below 0; give the number of resamples, or 0 for no intervals.")
    parts = Parts(cfg)
    parameters = inspect.signature(resolve_target(cfg.task._target_)).parameters
    wanted = [name for name in Parts.names() if name in parameters]
    given = {**GIVEN, "task": frozenset(wanted)}
    task = str(HydraConfig.get().runtime.choices["task"])
    refuse_unread(cfg, typed_settings(words_of_this_run()), wanted, task=task, swept=swept_keys())

    def run() -> None:
        built = {name: getattr(parts, name) for name in wanted}
        if is_first_process():
            dataset = parts.dataset_name if READS_DATA.intersection(wanted) else ""
            print_lines(*start_lines(cfg, built, task=task, dataset=dataset, folder=parts.run_dir))
        build(cfg, "task", **built)

    if DATA_ONLY.issuperset(wanted):
        # neither Lightning nor a model is loaded to look at data
        validate(cfg, given=given, keys=("task", "dataset", "store"))
        run()
        return
    validate(cfg, given=given)
    count = processes_here(cfg.trainer) if _trains(cfg, parameters) and not is_one_of_several() else 0
    # what cannot go on is said before anything in the folder is written
    resume_from = parts.resume_from if "resume_from" in parameters else None
    first = is_first_process() and not is_one_of_several()
    if resume_from is not None:
        check_resumed(cfg, resume_from, read_keys(cfg, wanted), say=first)
    if first:
        if resume_from is not None:
            _log.info("Resuming from %s", resume_from)
        write_provenance(
            cfg, parts.run_dir / "checkpoints", command=command_line(), choices=HydraConfig.get().runtime.choices
        )
    with stopping_at_once():
        if count:
            run_processes(count, cfg.trainer.num_nodes, HydraConfig.get(), number=job_number(), resume_from=resume_from)
        else:
            _run_seeded(cfg, run)


def _trains(cfg: DictConfig, parameters: Mapping[str, Any]) -> bool:
    """Whether the task trains by Lightning, and so can share the work out to several processes."""
    if "probe" in parameters:
        probe = OmegaConf.select(cfg, "probe._target_")
        return probe is not None and bool(getattr(resolve_target(probe), "trains_by_steps", True))
    return "resume_from" in parameters


def _run_seeded(cfg: DictConfig, run: Callable[[], None]) -> None:
    from lightning import seed_everything

    from src.core.distributed import leave_together
    from src.engine.wandb_logger import finish_wandb, preempt_wandb

    seed_everything(cfg.seed, workers=True, verbose=False)
    done = False
    try:
        run()
        done = True
    except Interrupted:
        preempt_wandb()
        raise
    finally:
        finish_wandb(failed=not done)
    # not where it failed: the others may not be there to answer
    leave_together()


def _start_processes_as_usual() -> None:
    """In a worker of joblib's launcher, let processes be started the platform's way, as data loaders need it."""
    own = multiprocessing.get_all_start_methods()
    if multiprocessing.get_start_method(allow_none=True) not in (None, *own):
        multiprocessing.set_start_method(own[0], force=True)
