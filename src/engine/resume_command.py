"""The command that resumes a run, as a user pastes it into a shell."""

import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from src.core.override import in_quotes

RESUME_WORDS = "MGCA_RESUME_WORDS"
"""Environment variable: the words of this command, for the processes that a run starts itself."""
_PLAIN = re.compile(r"[\w/.:@%-]+", re.ASCII)


def resume_command(checkpoint: Path, *settings: str) -> str:
    """Return the command that was typed, made to go on from ``checkpoint`` in the same folder, quoted for a shell.

    ``settings``: further overrides, in the place of those of the same key.
    """
    return shlex.join(with_overrides(resume_words(checkpoint), settings))


def resume_words(checkpoint: Path) -> list[str]:
    """Return the words of ``resume_command``, not quoted.

    In a sweep they name the sweep's folder: each unfinished job then goes on from its own last checkpoint.
    """
    handed = os.environ.get(RESUME_WORDS)
    if handed is not None:
        return [str(word) for word in json.loads(handed)]
    run, sweep = _folders(checkpoint)
    own = checkpoint.parent == run / "checkpoints"
    where = f"hydra.run.dir={hydra_quoted(run)}" if sweep is None else f"hydra.sweep.dir={hydra_quoted(sweep)}"
    return with_overrides(typed_words(), [where, f"resume={'auto' if own else hydra_quoted(checkpoint)}"])


def typed_words() -> list[str]:
    """Return the command as it was typed; of one that torchrun started, torchrun's."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        try:
            parent = Path(f"/proc/{os.getppid()}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
        except (OSError, UnicodeDecodeError):
            parent = []
        if "src.run" in parent or any(word.endswith("run.py") for word in parent):
            return parent
    return list(sys.orig_argv)


def with_overrides(words: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """Return ``words`` with ``overrides`` after their last override, in the place of those of the same keys."""
    keys = {_key(word) for word in overrides}
    kept = [word for word in words if not (_is_override(word) and _key(word) in keys)]
    # Hydra takes the overrides of a command only where they stand together
    last = max((place for place, word in enumerate(kept) if _is_override(word)), default=len(kept) - 1)
    return [*kept[: last + 1], *overrides, *kept[last + 1 :]]


def hydra_quoted(value: object) -> str:
    """Return ``value`` as Hydra reads it back on a command line; quoted only where it must be."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else in_quotes(text)


def key_of_training(name: str) -> str:
    """Return the full key of a setting of the training, such as ``optimizer.lr``, which some tasks read elsewhere."""
    task = HydraConfig.get().runtime.choices.get("task") if HydraConfig.initialized() else None
    group = {"classify": "probe", "detect": "tuning", "segment": "tuning"}.get(str(task))
    if group is not None:
        return f"{group}.{name.removeprefix('trainer.')}"
    return name


def _is_override(word: str) -> bool:
    return "=" in word and not word.startswith("-")


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+")


def _folders(checkpoint: Path) -> tuple[Path, Path | None]:
    """The folder of the run, and that of its sweep or None."""
    if not HydraConfig.initialized() or OmegaConf.is_missing(HydraConfig.get().runtime, "output_dir"):
        return checkpoint.parent.parent, None
    settings = HydraConfig.get()
    sweep = Path(settings.sweep.dir).absolute() if settings.mode == RunMode.MULTIRUN else None
    return Path(settings.runtime.output_dir), sweep
