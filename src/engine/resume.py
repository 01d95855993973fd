"""Which checkpoint ``resume=true`` and ``resume=PATH`` mean."""

from pathlib import Path

from omegaconf import OmegaConf

from src.core.errors import UserError


def checkpoint_to_resume(resume: bool | str | None, *, name: str, run_dir: Path, output: Path) -> Path | None:
    """The checkpoint to continue, or None for a fresh start.

    ``resume=true``: this folder's ``last.ckpt``, or else the newest one of a run called ``name`` below ``output``.
    Raises UserError where there is none.
    """
    if resume in (False, None):
        return None
    if isinstance(resume, str):
        if not Path(resume).is_file():
            raise UserError(f"resume={resume}: there is no such file; give a checkpoint's path, or resume=true.")
        return Path(resume)
    own = run_dir / "checkpoints" / "last.ckpt"
    if own.is_file():
        return own
    found = [path for path in output.glob("**/checkpoints/last.ckpt") if _name_of(path.parent) == name]
    if not found:
        raise UserError(
            f"resume=true: no run called {name} below {output} has a checkpoints/last.ckpt; "
            "give resume=PATH, or leave resume out to start anew."
        )
    return max(found, key=lambda path: path.stat().st_mtime)


def _name_of(checkpoints: Path) -> str | None:
    config = checkpoints / "config.yaml"
    return OmegaConf.select(OmegaConf.load(config), "name") if config.is_file() else None
