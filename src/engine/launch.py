"""Runs the composed config's task: checks the config, seeds, keeps the provenance, builds what the task asks for."""

import logging
import multiprocessing
import os
from collections.abc import Callable, Collection
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from src.core.checkpoint_file import LAST
from src.core.errors import UserError
from src.core.interrupted import Interrupted, name_of, stopping_at_once
from src.core.output import print_lines
from src.engine.build import build
from src.engine.devices import processes_here
from src.engine.inherited import leave_out_inherited
from src.engine.parts import DATA_ONLY, GIVEN, READS_DATA, Parts
from src.engine.processes import is_one_of_several, run_processes
from src.engine.provenance import command_line, provenance
from src.engine.ranks import is_first_process
from src.engine.refusals import refusal
from src.engine.resume_command import resume_command
from src.engine.settings import check_settings, check_splits
from src.engine.signature import parameter_names
from src.engine.start_lines import start_lines
from src.engine.sweep_job import job_number, swept_keys
from src.engine.targets import resolve_target
from src.engine.typed import typed_settings, words_of_this_run
from src.engine.unread import read_keys, refuse_unread
from src.engine.validate import validate

_log = logging.getLogger(__name__)
# Parts that refuse without a model, so that they are built before torch is imported.
_CHEAP = {"checkpoint", "judged_checkpoint", "resume_from"}


def launch(cfg: DictConfig) -> None:
    """Run ``cfg.task`` with the parts its signature names."""
    _start_processes_as_usual()
    parts, wanted = _checked_parts(cfg)

    def run() -> None:
        built = {name: getattr(parts, name) for name in wanted}
        if is_first_process():
            dataset = parts.dataset_name if READS_DATA.intersection(wanted) else ""
            print_lines(*start_lines(cfg, built, task=_task(), dataset=dataset, folder=parts.run_dir))
        build(cfg, "task", **built)

    if DATA_ONLY.issuperset(wanted):
        # neither Lightning nor a model is loaded to look at data
        run()
        return
    count = processes_here(cfg.trainer) if _trains(cfg, wanted) and not is_one_of_several() else 0
    if not count and "resume_from" in wanted:
        check_splits(parts.dataset, cfg, wanted)
    # what cannot go on is said before anything in the folder is written
    resume_from = _resumed(cfg, parts, wanted) if "resume_from" in wanted else None
    last = parts.run_dir / "checkpoints" / LAST
    choices = HydraConfig.get().runtime.choices
    recorded = provenance(cfg, last.parent, command=command_line(), choices=choices) if _is_first() else nullcontext()
    with recorded, stopping_at_once(partial(_report_stop, last)):
        if count:
            run_processes(count, cfg.trainer.num_nodes, HydraConfig.get(), number=job_number(), resume_from=resume_from)
        else:
            _run_seeded(cfg, run)


def _checked_parts(cfg: DictConfig) -> tuple[Parts, list[str]]:
    """Return what builds the parts of a run and the names of those that its task asks for, once the config is checked.

    Whatever can be checked without torch is checked before torch is imported, which takes seconds.
    """
    typed = typed_settings(words_of_this_run())
    leave_out_inherited(cfg, typed, say=_is_first())
    parts, parameters = Parts(cfg), parameter_names(cfg.task._target_)
    wanted = [name for name in Parts.names() if name in parameters]
    given = {**GIVEN, "task": frozenset(wanted)}
    refuse_unread(cfg, typed, wanted, task=_task(), swept=swept_keys())
    keys = ("task", "dataset", "store") if DATA_ONLY.issuperset(wanted) else None
    check_settings(cfg, given=given, keys=keys)
    for name in (one for one in wanted if one in _CHEAP):
        getattr(parts, name)
    _import_torch()
    validate(cfg, given=given, keys=keys)
    return parts, wanted


def _resumed(cfg: DictConfig, parts: Parts, wanted: Collection[str]) -> Path | None:
    """Return the checkpoint to resume from, if any. Raises UserError where the run cannot go on from it."""
    from src.engine.resume_changes import check_resumed

    checkpoint: Path | None = parts.resume_from
    if checkpoint is not None:
        check_resumed(cfg, checkpoint, read_keys(cfg, wanted), say=_is_first())
        if _is_first():
            _log.info("Resuming from %s", checkpoint)
    return checkpoint


def _is_first() -> bool:
    """Whether this process is the one that the user started, or the first of those of a launcher."""
    return is_first_process() and not is_one_of_several()


def _task() -> str:
    return str(HydraConfig.get().runtime.choices["task"])


def _import_torch() -> None:
    from src.core.torchvision_ops import ensure_torchvision
    from src.engine.quiet import silence_libraries

    ensure_torchvision()
    silence_libraries()


def _report_stop(last: Path, number: int) -> None:
    """Tell how to go on after a stop outside of the training loop; ``last``: the run's newest checkpoint, if any."""
    if os.environ.get("RANK", "0") != "0":
        return
    if last.is_file():
        _log.warning(
            "told to stop by %s; the state of the training is in %s. To go on from it:\n%s",
            name_of(number),
            last,
            resume_command(last),
        )
    else:
        _log.warning("told to stop by %s; nothing was trained yet, the same command starts again.", name_of(number))


def _trains(cfg: DictConfig, parameters: Collection[str]) -> bool:
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
    except Exception as error:
        reason = refusal(error, cfg)
        if reason is None:
            raise
        raise UserError(reason) from error
    finally:
        finish_wandb(failed=not done)
    # not where it failed: the others may not be there to answer
    leave_together()


def _start_processes_as_usual() -> None:
    """In a worker of joblib's launcher, let processes be started the platform's way, as data loaders need it."""
    own = multiprocessing.get_all_start_methods()
    if multiprocessing.get_start_method(allow_none=True) not in (None, *own):
        multiprocessing.set_start_method(own[0], force=True)
