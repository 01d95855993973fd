"""What a result's reader needs to make it again: the resolved config, the commit, the versions, the command."""

import json
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from src.core.files import write_text

PACKAGES = [
    "torch",
    "torchvision",
    "lightning",
    "hydra-core",
    "omegaconf",
    "transformers",
    "tokenizers",
    "timm",
    "torchmetrics",
    "albumentations",
    "opencv-python-headless",
    "numpy",
    "pandas",
    "pydicom",
    "wandb",
]


@contextmanager
def provenance(cfg: DictConfig, folder: Path, *, command: list[str], choices: Mapping[str, Any]) -> Iterator[None]:
    """Write ``config.yaml`` (resolved) and ``provenance.json`` into ``folder``, each whole or not at all.

    They describe the checkpoints in ``folder``: where the block writes none, because it fails or has nothing left to
    train, the files of the earlier start that was resumed are put back. ``choices``: the options of the config groups.
    """
    files = {
        folder / "config.yaml": OmegaConf.to_yaml(cfg, resolve=True),
        folder / "provenance.json": json.dumps(_provenance(command, choices), indent=2) + "\n",
    }
    before = {path: path.read_text(encoding="utf-8") for path in files if path.is_file()}
    saved = _checkpoints(folder)
    for path, text in files.items():
        write_text(path, text)
    try:
        yield
    finally:
        if saved and _checkpoints(folder) == saved:
            for path, text in before.items():
                write_text(path, text)


def _checkpoints(folder: Path) -> dict[str, int]:
    """The checkpoints by name, and when they were written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.ckpt")}


def _provenance(command: list[str], choices: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "command": command,
        "choices": dict(choices),
        "git_commit": _git("rev-parse", "HEAD"),
        "git_changed_files": (_git("status", "--porcelain", "--untracked-files=no") or "").splitlines(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _git(*arguments: str) -> str | None:
    """What git prints about this source tree, or None where it is not a checkout or git is not installed."""
    root = Path(__file__).resolve().parents[2]
    try:
        answer = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.rstrip("\n")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def command_line() -> list[str]:
    """The command that started this process, as one would type it."""
    return ["python", "-m", "src.run", *sys.argv[1:]]
