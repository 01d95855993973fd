"""``${by_fraction:{0.01:8},16}`` in a yaml: a value that depends on the share of the training data.

It is 8 where ``datamodule.fraction`` is 0.01, and 16 for every other fraction. A value typed in its place replaces it.
"""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf


def register() -> None:
    """Let yamls say ``by_fraction``."""
    OmegaConf.register_new_resolver("by_fraction", _by_fraction, replace=True)


def _by_fraction(values: Mapping[float, Any], otherwise: Any, *, _root_: DictConfig) -> Any:
    fraction = OmegaConf.select(_root_, "datamodule.fraction")
    return next((value for key, value in values.items() if key == fraction), otherwise)
