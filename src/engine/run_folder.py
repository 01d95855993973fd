"""The folder of a run: one per start, named by time, task and experiment; removed where the start wrote nothing."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from src.core.checkpoint_file import CONFIG, PROVENANCE
from src.engine.ranks import is_first_process

LOG = "run.log"
LOCK = ".lock"
DEFAULT_NAME = "mgca"
"""``name`` in ``conf/config.yaml``: a run of this name is called after its experiment or its data set."""

_START_FILES = {LOG, LOCK, CONFIG, PROVENANCE, f"checkpoints/{CONFIG}", f"checkpoints/{PROVENANCE}"}
_LONGEST = 80
_ATTEMPTS = 1000
_new_folders: dict[Path, list[Path]] = {}
"""Folders that were missing when this process started its run, with their missing parents."""
_claimed: set[Path] = set()
"""Of these, the folders that this process alone has made."""


def register() -> None:
    """Let ``hydra.run.dir`` say ``${run_title:}``."""
    OmegaConf.register_new_resolver("run_title", _run_title, replace=True)


def run_title(task: str, name: str, choices: Mapping[str, Any]) -> str:
    """Return the last part of a folder's name: the task, and the run's name, its experiment or its data set.

    ``classify`` with ``classify/rsna`` is ``classify_rsna``: the task is not repeated.
    """
    chosen = choices.get("experiment")
    if isinstance(chosen, str):
        chosen = chosen.strip("[]").replace("'", "").replace(", ", "_")
    label = name if name != DEFAULT_NAME else str(chosen or choices.get("dataset") or name)
    label = re.sub(r"[^\w.-]+", "_", label).strip("_.")
    title = label if label == task or label.startswith(f"{task}_") else f"{task}_{label}"
    return title[:_LONGEST].rstrip("_.")


def _run_title(*, _root_: DictConfig) -> str:
    choices: Any = OmegaConf.to_container(_root_.hydra.runtime.choices)
    return run_title(str(choices["task"]), str(_root_.name), choices)


class ClaimRunFolder(Callback):
    """Make the folder of a single run before Hydra does, so that two starts never share one.

    A folder that is named by the time belongs to the start that makes it: where it is there already the name gets
    ``_2``, ``_3`` and so on. A folder without the time, from ``hydra.run.dir=DIR``, is used as given: a resumed run and
    the processes of one training return to it.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Claim the folder; Hydra reports a folder that cannot be made."""
        del kwargs
        if not is_first_process():
            return
        wanted = Path(str(config.hydra.run.dir)).absolute()
        pattern = str(OmegaConf.to_container(config.hydra.run, resolve=False)["dir"])  # type: ignore[call-overload,index]
        try:
            if "${now:" not in pattern:
                if not wanted.exists():
                    _new_folders[wanted] = _missing_parents(wanted)
                return
            claimed = claim_folder(wanted)
        except OSError:
            return
        if claimed != wanted:
            typed = Path(str(config.hydra.run.dir))
            with read_write(config.hydra), open_dict(config.hydra):
                config.hydra.run.dir = str(typed.with_name(claimed.name))


def claim_folder(wanted: Path) -> Path:
    """Make ``wanted``, or ``wanted_2`` and so on where it is there already, and return the new folder.

    Making a folder is atomic, on a shared disk too.
    """
    for number in range(1, _ATTEMPTS):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}_{number}")
        # the date's folder may have been made by another start, which failed as well
        parents = _missing_parents(folder) or [folder.parent]
        try:
            _make(folder)
        except FileExistsError:
            continue
        _new_folders[folder] = parents
        _claimed.add(folder)
        return folder
    raise FileExistsError(f"{wanted}: {_ATTEMPTS} folders of this name are there already")


def remove_if_nothing_was_written(folder: Path) -> bool:
    """Remove the folder of a start that failed before it wrote a result; return whether it was removed.

    Only a folder that this process made is removed, with its parents that became empty.
    """
    folder = folder.absolute()
    if folder not in _new_folders:
        return False
    parents = _new_folders.pop(folder)
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    if not written <= _START_FILES:
        return False
    for name in written:
        (folder / name).unlink(missing_ok=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir()
    for path in (folder, *parents):
        try:
            path.rmdir()
        except OSError:
            # another run is in it
            break
    return True


def is_claimed(folder: Path) -> bool:
    """Return whether this process made ``folder`` itself, so that no other start can be in it."""
    return folder.absolute() in _claimed


def _missing_parents(folder: Path) -> list[Path]:
    return [path for path in folder.parents if not path.exists()]


def _make(folder: Path) -> None:
    """Make ``folder`` alone; another start may remove an empty parent at the same time."""
    for _ in range(_ATTEMPTS):
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir()
        except FileNotFoundError:
            continue
        return
