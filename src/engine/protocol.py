"""In which settings a run of a published experiment differs from the protocol that the experiment describes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from src.core.finished import differences

_NO_PART = (
    # the model that is evaluated, and who computes how fast
    *("encoder", "checkpoint", "weights", "seed", "resume", "bench"),
    *("store.dataset", "store.overrides", "store.folder", "datamodule.cache", "callbacks.last"),
    *(
        "trainer.accelerator",
        "trainer.strategy",
        "trainer.benchmark",
        "trainer.deterministic",
        "trainer.detect_anomaly",
    ),
    # how much of the data set is trained on and evaluated, and what is drawn of it
    *("datamodule.fraction", "task.judge_on", "task.resamples", "resamples", "task.pictures", "task.shown"),
    # of the pretraining, which an evaluation does not read
    *("loss", "model", "optimizer", "scheduler", "num_prototypes", "prompts", "not_reproduced"),
)
"""Settings that are no part of the protocol of an evaluation."""
_FEW = 4
"""Of an exchanged group, more keys than this are named by the options of the group."""
_LONGEST = 40


def protocol_notes(cfg: DictConfig) -> tuple[str, ...]:
    """What to say below the figures of the run ``cfg``: where it leaves the published protocol of its experiment.

    Empty for a run without an experiment, of one that is not of ``rules=published``, or of another task than its.
    """
    if not HydraConfig.initialized():
        return ()
    choices = dict(HydraConfig.get().runtime.choices)
    experiment = choices.get("experiment")
    if experiment is None:
        return ()
    published = compose("config", overrides=[f"+experiment={experiment}"], return_hydra_config=True)
    if published.rules != "published" or published.task._target_ != cfg.task._target_:
        return ()
    ours, theirs = _plain(cfg), _plain(published)
    changed = list(_changed(ours, theirs, choices, dict(published.hydra.runtime.choices)))
    notes = [f"Differs from the published protocol: {', '.join(changed)}."] if changed else []
    missing: Sequence[str] = theirs["not_reproduced"]
    return (*notes, f"Not reproduced of the published protocol: {'; '.join(missing)}.") if missing else tuple(notes)


def _plain(cfg: DictConfig) -> dict[str, Any]:
    """The config as composed, without Hydra's own part."""
    plain: Any = OmegaConf.to_container(OmegaConf.masked_copy(cfg, [key for key in cfg if key != "hydra"]))
    return dict(plain)


def _changed(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], choices: Mapping[str, Any], published: Mapping[str, Any]
) -> Iterator[str]:
    found = {key: pair for key, pair in differences(theirs, ours).items() if _is_part(key, pair[1])}
    groups = {key.split(".")[0]: key for key in found}
    for group in groups:
        keys = [key for key in found if key.split(".")[0] == group]
        if len(keys) > _FEW and choices.get(group) != published.get(group):
            yield f"{group}={choices.get(group)} (published {published.get(group)})"
            continue
        for key in keys:
            value, now = found[key]
            yield f"{key}={_short(now)} (published {_short(value)})"


def _is_part(key: str, value: Any) -> bool:
    # each of several devices has a batch of its own; a list says which one it is
    if key == "trainer.devices" and not isinstance(value, int):
        return False
    return not any(key == part or key.startswith(f"{part}.") for part in _NO_PART) and not key.endswith(".root")


def _short(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
