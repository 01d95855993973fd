"""Which file ``checkpoint=`` means, where it names a run's folder."""

import logging
from collections.abc import Sequence
from pathlib import Path

from src.core.checkpoint_file import LAST, PREVIOUS, is_whole
from src.core.errors import UserError
from src.engine.processes import is_one_of_several

_log = logging.getLogger(__name__)
FOLDER = "checkpoints"
_LISTED = 5


def chosen_checkpoint(given: str) -> Path:
    """The file itself, or the best checkpoint of a run's folder or of its ``checkpoints``; without a best one the last.

    Raises UserError where ``given`` is not there, or holds no checkpoint or several and nothing says which is best.
    """
    path = Path(given)
    if path.is_file():
        return path
    if not path.is_dir():
        raise UserError(
            f"No checkpoint at {given}: it is not there; give a checkpoint's file or the folder of a run, e.g. "
            "checkpoint=outputs/DATE/TIME_TASK_NAME."
        )
    folder = path / FOLDER if (path / FOLDER).is_dir() else path
    best = sorted(file for file in folder.glob("[!.]*.ckpt") if file.name not in (LAST, PREVIOUS))
    chosen = best[0] if len(best) == 1 else _best_of(folder, best) if best else _newest(folder)
    if chosen is None:
        raise UserError(f"checkpoint={given}: {_why_none(path, best)}.")
    if not is_one_of_several():
        _log.info("Of %s the checkpoint %s is taken.", given, chosen.name)
    return chosen


def _best_of(folder: Path, best: Sequence[Path]) -> Path | None:
    """The one of several that the callback that kept them calls the best, by its state in the last checkpoint."""
    from src.core.checkpoint import read_checkpoint

    last = _newest(folder)
    states = read_checkpoint(last).get("callbacks", {}) if last is not None else {}
    names = {Path(state["best_model_path"]).name for state in states.values() if state.get("best_model_path")}
    found = [file for file in best if file.name in names]
    return found[0] if len(found) == 1 else None


def _newest(folder: Path) -> Path | None:
    last, previous = folder / LAST, folder / PREVIOUS
    if last.is_file() and is_whole(last):
        return last
    if previous.is_file() and is_whole(previous):
        _log.warning("%s is damaged or missing; %s, the one before it, is taken.", last, previous.name)
        return previous
    return None


def _why_none(path: Path, best: Sequence[Path]) -> str:
    if best:
        return f"this folder holds {_some([file.name for file in best])}, and nothing says which is the best; name one"
    if any((path / part / LAST).is_file() for part in ("", FOLDER)):
        return f"{LAST} is damaged, and there is no other checkpoint; name another run"
    runs = sorted(folder.parent.name for folder in path.glob(f"*/{FOLDER}"))
    if runs:
        return f"this folder holds {len(runs)} runs ({_some(runs)}); name one, e.g. checkpoint={path / runs[0]}"
    return f"this folder holds no checkpoint (epochNNN.ckpt, {LAST}), and its {FOLDER} neither; name a run's folder"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
