"""Composes configs beside that of the run: other overrides, and another data set with this run's settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra import compose
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from src.core.errors import UserError
from src.engine.build import build


def compose_plain(overrides: Sequence[str]) -> Mapping[str, Any]:
    """Return the config of ``overrides``, plain and with its references.

    Raises UserError where an override names what is not there.
    """
    try:
        plain: Any = OmegaConf.to_container(
            compose("config", overrides=list(overrides)), resolve=False, enum_to_str=True
        )
    except (HydraException, OmegaConfBaseException) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{' '.join(overrides)} makes no config: {reason}; correct the file that names it.") from error
    return dict(plain)


def build_dataset_named(cfg: DictConfig, name: str) -> Any:
    """Build the option ``name`` of ``conf/dataset`` with the paths and the store's settings of ``cfg``."""
    other = compose("config", overrides=[f"dataset={name}"])
    cfg = cfg.copy()
    with open_dict(cfg):
        cfg.dataset = other.dataset
        # what was typed of this run's own data set does not speak of the other
        cfg.store.overrides = [word for word in cfg.store.overrides if not word.startswith("dataset.")]
        cfg.store.dataset = name
    return build(cfg, "dataset")
