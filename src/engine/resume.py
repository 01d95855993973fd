"""Which checkpoint ``resume=true``, ``resume=auto`` and ``resume=PATH`` mean."""

import logging
from pathlib import Path

from omegaconf import OmegaConf

from src.core.checkpoint_file import LAST, PREVIOUS, is_whole
from src.core.errors import UserError

_log = logging.getLogger(__name__)


def checkpoint_to_resume(resume: bool | str | None, *, name: str, run_dir: Path, output: Path) -> Path | None:
    """The checkpoint to continue, or None for a fresh start.

    ``resume=auto``: this folder's last one that is whole, or None where it has none. ``resume=true``: the same, or else
    that of the newest run called ``name`` below ``output``. Raises UserError where there is none, or none whole, and
    where a fresh start would write over those of an earlier one.
    """
    if resume in (False, None):
        if any((run_dir / "checkpoints" / file).is_file() for file in (LAST, PREVIOUS)):
            raise UserError(
                f"{run_dir} holds the checkpoints of an earlier start: go on from them with resume=auto, or choose "
                "another folder with hydra.run.dir=DIR."
            )
        return None
    if isinstance(resume, str) and resume != "auto":
        named = _in_folder(Path(resume)) if Path(resume).is_dir() else Path(resume)
        if named is None or not named.is_file():
            raise UserError(
                f"resume={resume}: there is no such file, and no folder of a run with a {LAST}; give a checkpoint's "
                "path or its run's, resume=true or auto."
            )
        return named
    own = newest_whole(run_dir / "checkpoints")
    if own is not None or resume == "auto":
        return own
    folders = {path.parent for file in (LAST, PREVIOUS) for path in output.glob(f"**/checkpoints/{file}")}
    of_name = [folder for folder in folders if _name_of(folder) == name]
    if not of_name:
        raise UserError(
            f"resume=true: no run called {name} below {output} has a checkpoints/{LAST}; "
            "give resume=PATH, or leave resume out to start anew."
        )
    return newest_whole(max(of_name, key=_age))


def _in_folder(folder: Path) -> Path | None:
    """The newest checkpoint of a run's folder, or of its folder of checkpoints."""
    return newest_whole(folder / "checkpoints" if (folder / "checkpoints").is_dir() else folder)


def newest_whole(checkpoints: Path) -> Path | None:
    """The last checkpoint of a folder, or the one before it where the last is damaged; None where there is neither.

    Raises UserError where all that is there is damaged.
    """
    there = [checkpoints / file for file in (LAST, PREVIOUS) if (checkpoints / file).is_file()]
    for path in there:
        if is_whole(path):
            if path != there[0]:
                _log.warning("%s is damaged; going on from %s, the one before it.", there[0], path)
            return path
    if there:
        raise UserError(
            f"{' and '.join(map(str, there))}: damaged, so that there is nothing to go on from; give another "
            "checkpoint with resume=PATH, or remove them to start anew."
        )
    return None


def _age(checkpoints: Path) -> float:
    return max(path.stat().st_mtime for path in (checkpoints / LAST, checkpoints / PREVIOUS) if path.is_file())


def _name_of(checkpoints: Path) -> str | None:
    config = checkpoints / "config.yaml"
    return OmegaConf.select(OmegaConf.load(config), "name") if config.is_file() else None
