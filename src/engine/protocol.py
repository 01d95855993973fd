"""In which settings a run of a published experiment differs from the protocol that the experiment describes."""

from collections.abc import Iterator, Mapping
from typing import Any

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from src.core.finished import NOT_PROTOCOL, OF_PRETRAINING, differences, is_below

_NO_PART = (
    *NOT_PROTOCOL,
    *OF_PRETRAINING,
    # the model that is evaluated, how the run goes on, and what it is evaluated on, which the heading names
    *("encoder", "resume", "task.judge_on", "dataset.reader.version", "trainer.strategy"),
)
"""Settings that are not listed as differences from the protocol."""
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
    words = [f"+experiment={experiment}", f"datamodule.fraction={cfg.datamodule.fraction}"]
    if experiment.startswith("segment/") and choices.get("encoder/image") == "vit_base":
        # the paper's decoder for its vision transformer
        words.append("head=setr_pup")
    published = compose("config", overrides=words, return_hydra_config=True)
    if published.rules != "published" or published.task._target_ != cfg.task._target_:
        return ()
    changed = list(_named(_changed(cfg, published), choices, dict(published.hydra.runtime.choices)))
    notes = [f"Differs from the published protocol: {', '.join(changed)}."] if changed else []
    if published.not_reproduced:
        notes.append(f"Not reproduced of the published protocol: {'; '.join(published.not_reproduced)}.")
    return tuple(notes)


def _changed(cfg: DictConfig, published: DictConfig) -> dict[str, tuple[Any, Any]]:
    """The settings of the protocol that differ, dotted, with the published value and this run's."""
    found = differences(_plain(published), _plain(cfg))
    followed = {key: (_followed(published, key, was), _followed(cfg, key, now)) for key, (was, now) in found.items()}
    return {key: (was, now) for key, (was, now) in followed.items() if was != now and _is_part(key, now)}


def _plain(cfg: DictConfig) -> dict[str, Any]:
    """The config as composed, without Hydra's own part."""
    plain: Any = OmegaConf.to_container(OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"]))
    return dict(plain)


def _followed(cfg: DictConfig, key: str, value: Any) -> Any:
    return OmegaConf.select(cfg, key) if isinstance(value, str) and "${by_fraction:" in value else value


def _named(
    changed: Mapping[str, tuple[Any, Any]], choices: Mapping[str, Any], published: Mapping[str, Any]
) -> Iterator[str]:
    """Each setting in words; of a group of which another option was chosen that option, where many settings differ."""
    for group in dict.fromkeys(key.split(".")[0] for key in changed):
        keys = [key for key in changed if key.split(".")[0] == group]
        exchanged = len(keys) > _FEW or f"{group}._target_" in keys
        if exchanged and choices.get(group) != published.get(group):
            yield f"{group}={choices.get(group)} (published {published.get(group)})"
            continue
        for key in keys:
            was, now = changed[key]
            yield f"{key}={_short(now)} (published {_short(was)})"


def _is_part(key: str, value: Any) -> bool:
    # each of several devices has a batch of its own; a list says which one it is
    if key == "trainer.devices" and not isinstance(value, int):
        return False
    return not any(is_below(key, part) for part in _NO_PART) and not key.endswith(".root")


def _short(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
