"""The losses of conf/loss as their yamls describe them: a new yaml is found without a change here."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from src.engine.build import build
from src.engine.targets import resolve_target
from src.losses.base import Loss

CONF = Path(__file__).resolve().parents[2] / "conf"
NAMES = sorted(path.stem for path in (CONF / "loss").glob("[!_]*.yaml"))


def has_rules(name: str) -> bool:
    """Whether the loss is another one under the published rules."""
    return "${rules}" in (CONF / "loss" / f"{name}.yaml").read_text()


def is_distributed(name: str) -> bool:
    """Whether the loss says that several processes compute what one would."""
    return bool(resolve_target(OmegaConf.load(CONF / "loss" / f"{name}.yaml")[name]["_target_"]).distributed)


def make_loss(name: str, *, width: int, rules: str = "corrected", **settings: Any) -> Loss:
    """The loss with the values of its yaml, for embeddings of ``width``; ``settings`` replace some of them."""
    cfg = _composed(width, rules).copy()
    for key, value in settings.items():
        cfg.loss[name][key] = value
    loss: Loss = build(cfg, f"loss.{name}")
    return loss


@lru_cache
def _composed(width: int, rules: str) -> Any:
    from hydra import compose, initialize_config_dir
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra

    from src.engine.schema import RunConfig

    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="schema", node=RunConfig)
    words = [f"loss=[{','.join(NAMES)}]", f"rules={rules}", f"model.embedding_dim={width}", "num_prototypes=10"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", overrides=words)
