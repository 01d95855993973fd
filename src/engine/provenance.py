"""What a result's reader needs to make it again: the resolved config, the commit, the versions, the command."""

import copy
import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    With the references of ``provenance.json`` in their places, ``config.yaml`` is the config as it was composed.
    """
    files = {
        folder / "config.yaml": OmegaConf.to_yaml(cfg, resolve=True),
        folder / "provenance.json": json.dumps(
            {**_provenance(command, choices), "references": references(cfg)}, indent=2
        )
        + "\n",
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


def references(cfg: DictConfig) -> list[tuple[list[str | int], str]]:
    """Return the path and the text of every reference in ``cfg``, such as ``${transform.size}``."""

    def within(node: Any, path: list[str | int]) -> Iterator[tuple[list[str | int], str]]:
        if isinstance(node, str) and "${" in node:
            yield path, node
        children: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for name, child in children:
            yield from within(child, [*path, name])

    return list(within(OmegaConf.to_container(cfg, resolve=False), []))


def with_references(resolved: Any, found: Iterable[tuple[Sequence[str | int], str]]) -> Any:
    """Return plain values with ``references`` in the places where their values stand.

    What does not fit, of a file that was changed since, is left as it is.
    """
    whole = copy.deepcopy(resolved)
    for path, text in found:
        node = whole
        try:
            for name in path[:-1]:
                node = node[name]
            node[path[-1]] = text if path[-1] in node or isinstance(node, list) else node[path[-1]]
        except (LookupError, TypeError):
            continue
    return whole
