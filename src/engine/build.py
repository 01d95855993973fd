"""Instantiates the nodes of the config."""

import traceback
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from src.core.errors import UserError
from src.engine.recipes import with_recipes
from src.engine.validate import OURS

_PROJECT = Path(__file__).resolve().parents[1]
_MISCONFIGURED = "MisconfigurationException"
# What a library raises for settings that it cannot use.
_REFUSALS = (TypeError, ValueError, AssertionError, ArithmeticError, LookupError, AttributeError, RuntimeError)


def build(cfg: DictConfig, key: str, **given: Any) -> Any:
    """Instantiate the config's node ``key`` with ``given`` beside its values.

    Values arrive as plain Python objects. What a third party's constructor refuses becomes a UserError naming the key,
    as does a package that it needs and that is not installed.
    """
    selected = OmegaConf.select(cfg, key)
    if selected is None:
        raise UserError(f"This run needs {key}, which was left out; give {key.replace('.', '/')}=OPTION.")
    node = with_recipes(OmegaConf.to_container(selected, resolve=True), key)
    try:
        # given values stay as they are: Hydra would turn dataclasses into dictionaries, and resolve references in texts
        built = instantiate(node, _convert_="all", **({"_partial_": True} if given else {}))
    except InstantiationException as error:
        cause = error.__cause__ or error
        raise _readable(key, node, cause, by_library=key != "task" and _raised_by_a_library(cause)) from error
    if not given:
        return built
    try:
        return built(**given)
    except Exception as error:
        # what a library raises while a part of ours runs is a defect
        message = _readable(key, node, error, by_library=False)
        if message is error:
            raise
        raise message from error


def build_losses(cfg: DictConfig) -> Any:
    """Build the losses of ``cfg.loss``, added by their weights. Raises UserError where none is chosen."""
    from src.losses.composite import CompositeLoss

    names = [str(name) for name, node in cfg.loss.items() if node is not None]
    if not names:
        raise UserError("loss is empty; name at least one, e.g. loss=[ita].")
    for name in names:
        if "_target_" not in cfg.loss[name]:
            raise UserError(
                f"loss.{name} has settings, but {name} is not among this run's losses; add it to loss=[...]."
            )
    return CompositeLoss({name: build(cfg, f"loss.{name}") for name in names})


def _readable(key: str, node: Any, cause: BaseException, *, by_library: bool) -> BaseException:
    """Return a UserError for settings that a library refuses, or ``cause`` itself."""
    target = str(node.get("_target_", ""))
    ours = target.startswith(OURS)
    if not ours and isinstance(cause, ImportError):
        missing = _sentence(cause).split(" HINT:")[0]
        return UserError(
            f"{key} ({target}) needs a package that is not installed: {missing.rstrip('.')}; install it, or choose "
            f"another option of {key.split('.')[0]}."
        )
    refused = isinstance(cause, (*_REFUSALS, InstantiationException)) or type(cause).__name__ == _MISCONFIGURED
    if refused and (by_library or not ours):
        reason = str(cause).rstrip(".!")
        return UserError(
            f"{key} ({target}) cannot be built: {reason}; correct its settings, which --cfg job lists, or choose "
            "another option of its group (e.g. trainer=cpu)."
        )
    return cause


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".!")


def _raised_by_a_library(error: BaseException) -> bool:
    """Whether the last frame of the traceback lies outside of this project."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and not Path(frames[-1].filename).is_relative_to(_PROJECT)
