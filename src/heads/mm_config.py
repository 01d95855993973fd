"""From a config dictionary, as mmdet's and mmsegmentation's users write them, to the module that it describes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from src.core.errors import UserError
from src.core.mmcv_ops import ensure_mmcv, quiet_libraries, require_packages

# What the libraries raise for a type that does not exist, a setting that is unknown, missing or does not fit.
_REFUSALS = (KeyError, TypeError, ValueError, AssertionError, AttributeError, IndexError, RuntimeError, ImportError)

_SIDES = 8
"""Of the images that a head is tried on, in places of its coarsest map."""


def placeholders(classes: int, channels: Sequence[int]) -> dict[str, Any]:
    """The values that stand in a config for what only the run knows. ``channels``: of the maps, finest first."""
    return {
        "$classes": classes,
        "$channels": list(channels),
        "$channels_reversed": list(reversed(channels)),
        "$last_channels": channels[-1],
    }


def filled(config: Any, values: Mapping[str, Any]) -> Any:
    """``config`` with every placeholder replaced, however deep. Raises UserError for one that does not exist."""
    if isinstance(config, Mapping):
        return {key: filled(value, values) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return [filled(value, values) for value in config]
    if isinstance(config, str) and config.startswith("$"):
        if config not in values:
            raise UserError(f"head.config has {config}, which stands for nothing; there are {', '.join(values)}.")
        return values[config]
    return config


def build(library: str, config: Mapping[str, Any], *, key: str) -> Any:
    """The ``nn.Module`` that ``library`` (mmdet or mmseg) builds from ``config``, with its initial weights.

    ``key``: of the run's config, for the message. Raises UserError where the library is missing or refuses.
    """
    require_packages(library)
    ensure_mmcv()
    with quiet_libraries():
        from mmengine.config import ConfigDict

        registry = _registry(library)
        try:
            module: Any = registry.build(ConfigDict(config))
            if hasattr(module, "init_weights"):
                module.init_weights()
        except UserError:
            raise
        except _REFUSALS as error:
            raise UserError(
                f"{key} cannot be built by {library}: {_reason(error)}; correct it after {library}'s documentation."
            ) from error
    return module


def try_out(
    head: nn.Module, run: Callable[[Sequence[Tensor], tuple[int, int]], object], widths: Mapping[int, int]
) -> None:
    """Call ``run`` on empty maps of one image and its size, so that a config that does not fit is said at once.

    ``widths``: channels of each map by stride. ``head`` is in eval mode meanwhile, and no random number is used up.
    Raises UserError for what the library cannot do with such maps.
    """
    side = _SIDES * max(widths)
    maps = [torch.zeros(1, width, side // stride, side // stride) for stride, width in widths.items()]
    training = head.training
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), quiet_libraries():
            head.eval()
            run(maps, (side, side))
    except UserError:
        raise
    except _REFUSALS as error:
        raise UserError(
            f"head.config does not fit maps of the strides {list(widths)}: {_reason(error)}; correct it or "
            "head.strides."
        ) from error
    finally:
        head.train(training)


def _registry(library: str) -> Any:
    if library == "mmdet":
        from mmdet.registry import MODELS
    else:
        from mmseg.registry import MODELS
    return MODELS


def _reason(error: BaseException) -> str:
    """The error's first sentence, or what kind it is where it has none."""
    first = str(error.args[0]) if error.args else ""
    sentence = " ".join(first.split()).split(". ")[0].rstrip(".")
    return f"{type(error).__name__}: {sentence}" if sentence else type(error).__name__
