"""What a run leaves when it is finished, and whether two runs are of the same config.

Configs are compared as they were composed, before references such as ``${seed}`` are followed, so that a value that
follows another one does not count twice, and a folder's name does not count at all.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from src.core.files import write_text

DONE = "done.json"
FAILED = "failed.json"
_NEVER_MATTERS = (
    "paths",
    "logger",
    "name",
    "trainer.enable_progress_bar",
    "trainer.enable_model_summary",
    "trainer.default_root_dir",
    "trainer.log_every_n_steps",
    "callbacks.epoch_lines",
    "callbacks.progress",
    "callbacks.throughput",
    # what pictures show
    "dataset.show_file_names",
    "task.finding_terms",
    "datamodule.num_workers",
    "task.num_workers",
    # what was typed, for messages
    "store.overrides",
)
"""What changes where results lie and how fast they come, and not what they are."""
BROUGHT = ("encoder", "model", "transform", "rules", "datamodule.max_tokens", "datamodule.pad_to")
_DATA = ("dataset", "prompts", "store")
_COME_ALONG = {"dataset": _DATA, "checkpoint": ("checkpoint", *BROUGHT, "loss", "num_prototypes", *_DATA)}
"""Keys that the choice of another one chooses too; a checkpoint brings what its run was trained with."""


NOT_PROTOCOL = (
    *("seed", "datamodule.seed", "not_reproduced", "bench"),
    # the model is named apart, and so is the fraction, which may be a record's own
    *("checkpoint", "weights", "encoder.image.pretrained", "encoder.image.weights", "datamodule.fraction"),
    # where files lie and how fast they are read
    *("dataset.reader.root", "dataset.store", "store.folder", "store.codec", "store.pad", "store.name"),
    *("store.dataset", "store.overrides", "datamodule.cache", "datamodule.max_unreadable"),
    # what is computed and drawn beside the figure
    *("resamples", "task.resamples", "task.pictures", "task.shown", "callbacks.last", "callbacks.learning_rate"),
    *("trainer.accelerator", "trainer.benchmark", "trainer.deterministic", "trainer.detect_anomaly"),
)
"""Keys in which runs of one published protocol may differ."""
OF_PRETRAINING = (
    *("encoder.text", "model", "loss", "num_prototypes", "optimizer", "scheduler", "prompts", "trainer.max_epochs"),
    *("datamodule.batch_size", "datamodule.max_tokens", "datamodule.pad_to"),
)
"""Keys that are not read where a head is trained on the image encoder."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """A finished run: its config as composed, the options chosen of its groups, what was typed for it, and the keys
    that its sweep varied.
    """

    config: Mapping[str, Any]
    choices: Mapping[str, Any]
    overrides: tuple[str, ...]
    swept: tuple[str, ...]


def write_done(folder: Path, done: Done) -> None:
    """Say that the run in ``folder`` is finished: the last thing that a run writes, whole or not at all."""
    write_text(folder / DONE, json.dumps(asdict(done), indent=2) + "\n")


def read_done(folder: Path) -> Done | None:
    """What ``write_done`` wrote, or None where the run is not finished or the file is damaged."""
    try:
        whole = json.loads((folder / DONE).read_text(encoding="utf-8"))
        return Done(
            config=dict(whole["config"]),
            choices=dict(whole["choices"]),
            overrides=tuple(whole["overrides"]),
            swept=tuple(whole["swept"]),
        )
    except (OSError, LookupError, TypeError, ValueError):
        return None


def write_failure(folder: Path, reason: str) -> None:
    """Keep why the job in ``folder`` failed."""
    write_text(folder / FAILED, json.dumps({"reason": reason}, indent=2) + "\n")


def read_failure(folder: Path) -> str | None:
    """Why the job in ``folder`` failed the last time; None where it did not, or nobody could say."""
    try:
        return str(json.loads((folder / FAILED).read_text(encoding="utf-8"))["reason"])
    except (OSError, LookupError, TypeError, ValueError):
        return None


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The keys, dotted, in which two configs differ so that their results may, with both values; None: not there."""
    first, second = flatten(one), flatten(other)
    keys = [key for key in {**first, **second} if first.get(key) != second.get(key)]
    return {key: (first.get(key), second.get(key)) for key in keys if _matters(key, first.get(key), second.get(key))}


def explained(key: str, swept: Iterable[str], config: Mapping[str, Any]) -> bool:
    """Whether ``key`` may differ between jobs of a sweep that varies the keys ``swept``.

    What is not a key of the config, such as an experiment, may change everything.
    """
    for name in swept:
        dotted = name.replace("/", ".")
        if dotted.split(".")[0] not in config:
            return True
        if any(is_below(key, part) for part in _COME_ALONG.get(dotted, (dotted,))):
            return True
    return False


def key_and_value(override: str) -> tuple[str, str]:
    """``+a.b=c`` as ``("a.b", "c")``; a package after an ``@`` and a deletion's ``~`` fall away too."""
    key, _, value = override.partition("=")
    return key.lstrip("+~").partition("@")[0], value


def matters(key: str) -> bool:
    """Whether a key of the config can change a result."""
    return not any(is_below(key, part) for part in _NEVER_MATTERS)


def _matters(key: str, one: Any, other: Any) -> bool:
    if key == "resume" and {one, other} <= {True, False, None, "auto"}:
        return False
    return matters(key)


def flatten(node: Any, key: str = "") -> dict[str, Any]:
    """The leaves of a config by their dotted keys; an empty mapping is a leaf."""
    if not isinstance(node, Mapping) or not node:
        return {key: node}
    flat: dict[str, Any] = {}
    for name, child in node.items():
        flat |= flatten(child, f"{key}.{name}" if key else str(name))
    return flat


def is_below(key: str, part: str) -> bool:
    """Whether the dotted ``key`` is ``part``, or lies in it."""
    return key == part or key.startswith(f"{part}.")
