"""The heads of conf/head as their yamls describe them: a new yaml is found without a change here."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from src.engine.targets import resolve_target
from src.heads.dense import DetectionHead, SegmentationHead

CONF = Path(__file__).resolve().parents[2] / "conf" / "head"
NAMES = sorted(path.stem for path in CONF.glob("[!_]*.yaml"))


@lru_cache
def task_of(name: str) -> str:
    """The task that the head of conf/head/``name``.yaml is for: classify, detect or segment."""
    target = resolve_target(str(merged_yaml(name)["_target_"]))
    if issubclass(target, DetectionHead):
        return "detect"
    return "segment" if issubclass(target, SegmentationHead) else "classify"


def merged_yaml(name: str) -> Any:
    """The yaml on top of those that its ``defaults`` name."""
    own = OmegaConf.load(CONF / f"{name}.yaml")
    below = [merged_yaml(one) for one in own.pop("defaults", []) if one != "_self_"]
    return OmegaConf.merge(*below, own)
